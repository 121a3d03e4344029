// Grouped matrix products: what expert layers use to send each token through the weights of its expert.
//
// Rows are sorted by group and `offs` says where each group ends, known at run time only. A Loop visits the groups that
// have rows, so the graph is as small for 64 experts as for two, and weights of idle experts are never touched.
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

V as_sequence(Builder& b, V v) {
  b.model().values[v.id].is_sequence = true;
  return v;
}

struct Groups {
  V starts;    // int64[groups]
  V ends;      // int64[groups]
  V occupied;  // int64[n]: the groups that have rows
};

Groups groups(Builder& b, V offs) {
  Groups g;
  g.ends = b.cast(offs, DType::Int64);
  g.starts = b.concat({b.ints({0}), b.slice(g.ends, 0, 0, -1)}, 0);
  g.occupied = b.squeeze(b.op("NonZero", {b.op("Greater", {g.ends, g.starts})}), {0});
  return g;
}

// rows[starts[g]:ends[g]] @ weights[g] for one group, put before the last piece of the sequence.
std::shared_ptr<onnx::Graph> group_body(Builder& b, const Groups& g, V rows, V weights, DType dtype) {
  b.enter_graph("group");
  const V step = b.graph_input("step", DType::Int64, onnx::Shape{});
  const V condition = b.graph_input("condition", DType::Bool, onnx::Shape{});
  const V pieces = as_sequence(b, b.graph_input("pieces", dtype, std::nullopt));
  const V group = b.gather(g.occupied, step, 0);
  const V group_index = b.unsqueeze(group, {0});
  const Size start(b.gather(g.starts, group_index, 0));
  const Size end(b.gather(g.ends, group_index, 0));
  const V group_rows = b.slice(rows, 0, start, end);
  const V product = b.op("MatMul", {group_rows, b.cast(b.gather(weights, group, 0), dtype)});
  const V longer = as_sequence(b, b.op("SequenceInsert", {pieces, product, step}));
  return b.leave_graph({condition, longer});
}

// rows [n, in] against weights [groups, in, out]. Rows past the last group become zeros.
V grouped_product(Builder& b, V rows, V weights, V offs) {
  // onnxruntime keeps no sequences of bfloat16.
  const DType dtype = b.dtype(rows) == DType::BFloat16 ? DType::Float32 : b.dtype(rows);
  const V computed = b.cast(rows, dtype);
  const Groups g = groups(b, offs);
  const Size n_groups = b.size_of(g.ends, 0);
  const Size last = n_groups.is_static() ? Size(n_groups.value - 1) : b.size_sub(n_groups, 1);
  const Size used(b.gather(g.ends, b.as_vector(last), 0));
  const V tail = b.expand(b.scalar(0, dtype), {b.size_sub(b.size_of(rows, 0), used), b.size_of(weights, 2)});
  const V pieces = as_sequence(b, b.op("SequenceConstruct", {tail}));
  const auto body = group_body(b, g, computed, weights, dtype);
  const V looped = as_sequence(
      b, b.op("Loop", {b.op("Size", {g.occupied}), b.scalar_int(1, DType::Bool), pieces}, {{"body", body}}));
  const V result = b.op("ConcatFromSequence", {looped}, {{"axis", 0}});
  b.refine(result, dtype, std::nullopt);
  return result;
}

Values grouped_mm_fallback(Context& c) {
  return {grouped_product(c.b, c.tensor("input"), c.tensor("weight"), c.tensor("offs"))};
}

// Groups along the rows of self (2-D x 3-D), along the columns of mat2 (3-D x 2-D), or a batch (3-D x 3-D).
Values grouped_mm(Context& c) {
  Builder& b = c.b;
  if (c.has("bias")) c.unsupported("a bias");
  const V self = c.tensor("self");
  const V mat2 = c.tensor("mat2");
  if (c.rank("self") == 3 && c.rank("mat2") == 3) return {b.op("MatMul", {self, mat2})};
  if (c.rank("self") == 2 && c.rank("mat2") == 3) return {grouped_product(b, self, mat2, c.tensor("offs"))};
  if (c.rank("self") == 3 && c.rank("mat2") == 2) {
    const V product = grouped_product(b, b.transpose(mat2, {1, 0}), b.transpose(self, {0, 2, 1}), c.tensor("offs"));
    return {b.transpose(product, {1, 0})};
  }
  c.unsupported("groups along the summed axis");
}

constexpr Row kRows[] = {
    {"transformers::grouped_mm_fallback(Tensor input, Tensor weight, Tensor offs) -> Tensor", grouped_mm_fallback},
    {"aten::_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) -> "
     "Tensor",
     grouped_mm},
};

}  // namespace

Family expert_ops() { return kRows; }

}  // namespace modelexport::lower
