// Scaled dot product attention.
//
// A query whose keys are all masked attends to nothing: torch gives 0, where Softmax over -inf would give NaN. Whether
// there is such a query is read off the mask, which is much smaller than the scores.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "onnx/evaluate.h"

namespace modelexport::lower {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// The last three axes are (heads, positions, features); without heads the rank is 2 or the first axis a batch.
struct Attention {
  V query;
  V key;
  V value;
  V mask;  // bool (true: attend) or added to the scores; may be empty
  double scale = 1;
  double dropout = 0;
  bool is_causal = false;
};

struct Attended {
  V out;
  V weights;
};

int64_t rank_of(const Builder& b, V x) { return b.rank(x).value_or(0); }

// -inf above the diagonal, 0 elsewhere.
V causal_bias(Builder& b, V query, V key, DType dtype) {
  const Size rows = b.size_of(query, rank_of(b, query) - 2);
  const Size columns = b.size_of(key, rank_of(b, key) - 2);
  const V all = b.expand(b.scalar(kMinusInfinity, dtype), {rows, columns});
  return b.op("Trilu", {all, b.scalar_int(1)}, {{"upper", 1}});
}

V additive_bias(Builder& b, V mask, DType dtype) {
  if (b.dtype(mask) != DType::Bool) return b.cast(mask, dtype);
  return b.where(mask, b.scalar(0, dtype), b.scalar(kMinusInfinity, dtype));
}

// Which queries have no key at all; empty when it is known that there is none.
V fully_masked(Builder& b, V bias) {
  if (!bias) return {};
  const V highest = b.reduce("ReduceMax", bias, {-1}, true);
  if (const TensorView* constant = b.constant_of(highest)) {
    const auto values = onnx::read_doubles(*constant);
    if (values && std::find(values->begin(), values->end(), kMinusInfinity) == values->end()) return {};
  }
  return b.op("Equal", {highest, b.scalar(kMinusInfinity, b.dtype(bias))});
}

V zero_where(Builder& b, V rows, V x) { return rows ? b.where(rows, b.scalar(0, b.dtype(x)), x) : x; }

Attended attend(Builder& b, const Attention& a) {
  const DType dtype = b.dtype(a.query);
  const V query = a.scale == 1 ? a.query : b.mul(a.query, b.scalar(a.scale, dtype));
  V scores = b.op("MatMul", {query, swap_last_two(b, a.key)});
  V masked;
  if (a.is_causal) scores = b.add(scores, causal_bias(b, a.query, a.key, dtype));
  if (a.mask) {
    const V bias = additive_bias(b, a.mask, dtype);
    masked = fully_masked(b, bias);
    scores = b.add(scores, bias);
  }
  V weights = b.op("Softmax", {scores}, {{"axis", -1}});
  if (a.dropout > 0) {
    weights = b.op("Dropout", {weights, b.scalar(a.dropout, DType::Float32), b.scalar_int(1, DType::Bool)});
  }
  return {zero_where(b, masked, b.op("MatMul", {weights, a.value})), weights};
}

// The mask with its last two sizes those of the scores, which runtimes do not broadcast.
V full_mask(Builder& b, const Attention& a) {
  if (!a.mask) return {};
  Sizes sizes = b.sizes_of(a.mask);
  sizes[sizes.size() - 2] = b.size_of(a.query, 2);
  sizes[sizes.size() - 1] = b.size_of(a.key, 2);
  return b.expand(a.mask, sizes);
}

// (batch, heads, positions, features): what is missing in front is 1.
std::vector<int64_t> missing_axes(int64_t rank) {
  return rank == 2 ? std::vector<int64_t>{0, 1} : rank == 3 ? std::vector<int64_t>{1} : std::vector<int64_t>{};
}

V spread(Builder& b, V x, const Size& batch, const Size& heads) {
  return b.expand(x, {batch, heads, b.size_of(x, 2), b.size_of(x, 3)});
}

// From opset 23 on, one node says it all. It broadcasts key and value heads alone: torch also the batch, and the query.
V attention_node(Builder& b, Attention a, const Sizes& out) {
  const auto rank = static_cast<int64_t>(out.size());
  const std::vector<int64_t> added = missing_axes(rank);
  for (V* x : {&a.query, &a.key, &a.value}) *x = b.unsqueeze(*x, added);
  if (a.mask && rank == 3 && rank_of(b, a.mask) == 3) a.mask = b.unsqueeze(a.mask, added);
  const Size batch = rank > 2 ? out.front() : 1;
  const Size heads = rank > 3 ? out[1] : 1;
  const bool alike = b.size_of(a.key, 1) == b.size_of(a.value, 1);
  a.query = spread(b, a.query, batch, heads);
  for (V* x : {&a.key, &a.value}) *x = spread(b, *x, batch, alike ? b.size_of(*x, 1) : heads);
  const V masked = a.mask ? fully_masked(b, additive_bias(b, a.mask, b.dtype(a.query))) : V{};
  Attrs attrs{{"scale", a.scale}};
  if (a.is_causal) attrs.push_back({"is_causal", 1});
  const V result = b.op("Attention", {a.query, a.key, a.value, full_mask(b, a)}, attrs);
  return b.squeeze(zero_where(b, masked, result), added);
}

// Several query heads share a key head: (heads, positions) becomes (key heads, group, positions), so that MatMul
// broadcasts over the group and no key is copied.
V split_heads(Builder& b, V x, const Size& key_heads, const Size& group) {
  Sizes sizes = b.sizes_of(x);
  sizes.insert(sizes.end() - 2, group);
  sizes[sizes.size() - 4] = key_heads;
  return b.reshape(x, sizes);
}

V share_heads(Builder& b, V x) { return b.unsqueeze(x, {rank_of(b, x) - 2}); }

V split_mask_heads(Builder& b, V mask, const Size& key_heads, const Size& group) {
  if (!mask || rank_of(b, mask) < 3) return mask;
  const Size heads = b.size_of(mask, rank_of(b, mask) - 3);
  const bool shared = heads.is_static() && heads.value == 1;
  return shared ? share_heads(b, mask) : split_heads(b, mask, key_heads, group);
}

Attended attend_in_groups(Builder& b, const Attention& a, const Size& query_heads, const Size& key_heads) {
  const Size group = b.size_floordiv(query_heads, key_heads);
  const Sizes out_heads = b.sizes_of(a.query);
  Attention grouped = a;
  grouped.query = split_heads(b, a.query, key_heads, group);
  grouped.key = share_heads(b, a.key);
  grouped.value = share_heads(b, a.value);
  grouped.mask = split_mask_heads(b, a.mask, key_heads, group);
  Attended result = attend(b, grouped);
  Sizes sizes = out_heads;
  sizes.back() = b.size_of(a.value, rank_of(b, a.value) - 1);
  result.out = b.reshape(result.out, sizes);
  sizes.back() = b.size_of(a.key, rank_of(b, a.key) - 2);
  result.weights = b.reshape(result.weights, sizes);
  return result;
}

// onnxruntime computes bfloat16 in float32, node by node with casts between; once around the whole is less of both.
DType attention_type(Context& c) { return c.out_dtype() == DType::BFloat16 ? DType::Float32 : c.out_dtype(); }

// A constant mask that lets every query see every key, as libraries make it under torch.export; it must not be what
// gives the result its batch.
bool masks_nothing(Builder& b, V mask, V query) {
  const TensorView* constant = b.constant_of(mask);
  const auto values = constant == nullptr ? std::nullopt : onnx::read_doubles(*constant);
  const int64_t surplus = rank_of(b, query) - rank_of(b, mask);
  if (!values || surplus < 0) return false;
  for (int64_t axis = 0; axis + 2 < rank_of(b, mask); ++axis) {
    const int64_t size = constant->sizes[static_cast<std::size_t>(axis)];
    if (size != 1 && !(b.size_of(query, axis + surplus) == Size(size))) return false;
  }
  const double neutral = constant->dtype == DType::Bool ? 1 : 0;
  return std::all_of(values->begin(), values->end(), [=](double value) { return value == neutral; });
}

Attention arguments(Context& c, std::string_view mask) {
  const DType dtype = attention_type(c);
  Attention a;
  a.query = c.operand("query", dtype);
  a.key = c.operand("key", dtype);
  a.value = c.operand("value", dtype);
  a.mask = c.optional_tensor(mask);
  if (a.mask && c.dtype(mask) != DType::Bool) a.mask = c.b.cast(a.mask, dtype);
  if (a.mask && masks_nothing(c.b, a.mask, a.query)) a.mask = {};
  const program::Dim& width = c.info("query").sizes.back();
  if (!c.has("scale") && !width.is_static()) c.unsupported("the size of the heads is known at run time only");
  a.scale = c.has("scale") ? c.number("scale") : 1 / std::sqrt(static_cast<double>(width.value));
  a.dropout = c.number("dropout_p");
  a.is_causal = c.flag("is_causal");
  return a;
}

bool is_one_node(const Context& c, const Attention& a) {
  const int64_t rank = c.out_rank();
  const bool same_rank = c.rank("query") == rank && c.rank("key") == rank && c.rank("value") == rank;
  const bool fits = !a.mask || rank_of(c.b, a.mask) <= rank;
  return same_rank && rank <= 4 && fits && a.dropout == 0 && !(a.is_causal && a.mask) && c.n_outputs() == 1;
}

Attended attention(Context& c, std::string_view mask) {
  Builder& b = c.b;
  const Attention a = arguments(c, mask);
  const bool gqa = c.node.find("enable_gqa") != nullptr && c.flag("enable_gqa");
  if (b.opset() >= 23 && is_one_node(c, a)) return {attention_node(b, a, c.out_sizes()), {}};
  if (gqa) {
    const Size query_heads = b.size_of(a.query, c.rank("query") - 3);
    const Size key_heads = b.size_of(a.key, c.rank("key") - 3);
    if (!(query_heads == key_heads)) return attend_in_groups(b, a, query_heads, key_heads);
  }
  return attend(b, a);
}

Values scaled_dot_product_attention(Context& c) { return {attention(c, "attn_mask").out}; }

Values attention_math(Context& c) {
  const Attended result = attention(c, "attn_mask");
  return {result.out, result.weights};
}

// The other results serve the backward pass; torch.export shows them only unused.
template <OpName Mask>
Values attention_kernel(Context& c) {
  Values results(c.n_outputs());
  results.front() = attention(c, Mask.text).out;
  return results;
}

Values safe_softmax(Context& c) {
  Builder& b = c.b;
  const V x = c.operand("self", c.out_dtype());
  const int64_t axis = c.axis("dim", "self");
  const V highest = b.reduce("ReduceMax", x, {axis}, true);
  const V masked = b.op("Equal", {highest, b.scalar(kMinusInfinity, b.dtype(x))});
  return {zero_where(b, masked, b.op("Softmax", {x}, {{"axis", axis}}))};
}

constexpr Row kRows[] = {
    {"aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
     "dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
     scaled_dot_product_attention},
    {"aten::_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
     "dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> "
     "(Tensor, Tensor)",
     attention_math},
    {"aten::_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., "
     "bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
     attention_kernel<"attn_mask">},
    {"aten::_scaled_dot_product_flash_attention(Tensor query, Tensor key, Tensor value, float dropout_p=0., bool "
     "is_causal=False, bool return_debug_mask=False, *, float? scale=None) -> (Tensor output, Tensor logsumexp, Tensor "
     "cum_seq_q, Tensor cum_seq_k, SymInt max_q, SymInt max_k, Tensor rng_state, Tensor unused, Tensor "
     "debug_attn_mask)",
     attention_kernel<"">},
    {"aten::_scaled_dot_product_efficient_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_bias, bool "
     "compute_log_sumexp, float dropout_p=0., bool is_causal=False, *, float? scale=None) -> (Tensor output, Tensor "
     "log_sumexp, Tensor philox_seed, Tensor philox_offset)",
     attention_kernel<"attn_bias">},
    {"aten::_scaled_dot_product_cudnn_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_bias, bool "
     "compute_log_sumexp, float dropout_p=0., bool is_causal=False, bool return_debug_mask=False, *, float? "
     "scale=None) -> (Tensor output, Tensor logsumexp, Tensor cum_seq_q, Tensor cum_seq_k, SymInt max_q, SymInt max_k, "
     "Tensor philox_seed, Tensor philox_offset, Tensor debug_attn_mask)",
     attention_kernel<"attn_bias">},
    {"aten::_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", safe_softmax},
};

}  // namespace

Family attention_ops() { return kRows; }

}  // namespace modelexport::lower
