// Layer, group, instance, RMS and weight normalisation. Batch normalisation is in batch_norm.cpp.
#include <limits>

#include "lower/ops/families.h"
#include "lower/ops/normalize.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

// ---- layer ----

int64_t n_normalized(Context& c) { return static_cast<int64_t>(c.sizes("normalized_shape").size()); }

V layer_normalization(Context& c) {
  const DType dtype = c.out_dtype();
  const int64_t n = n_normalized(c);
  if (c.b.opset() >= 17) {
    const V x = c.operand("input", dtype);
    const V scale = operand_or_full(c, "weight", dtype, 1, c.sizes("normalized_shape"));
    const V bias = c.has("bias") ? c.operand("bias", dtype) : V{};
    return c.b.op("LayerNormalization", {x, scale, bias}, {{"axis", -n}, {"epsilon", c.number("eps")}});
  }
  const V x = c.operand("input", accumulation_type(dtype));
  const V normal = normalize(c.b, x, last_axes(c.rank("input"), n), c.number("eps"));
  return scale_and_shift(c.b, normal, c.optional_tensor("weight"), c.optional_tensor("bias"));
}

Values layer_norm(Context& c) { return {layer_normalization(c)}; }

// native_layer_norm also gives the mean and the inverse deviation; nodes for those nobody reads are swept later.
Values native_layer_norm(Context& c) {
  const V x = c.operand("input", accumulation_type(c.out_dtype()));
  const Moments m = moments(c.b, x, last_axes(c.rank("input"), n_normalized(c)));
  return {layer_normalization(c), m.mean, inverse_deviation(c.b, m.variance, c.number("eps"))};
}

// ---- RMS ----

double rms_eps(Context& c) {
  const bool is_double = c.out_dtype() == DType::Float64;
  return c.number_or("eps", is_double ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon());
}

// sqrt(mean(x^2) + eps)
V root_mean_square(Context& c, V x) {
  Builder& b = c.b;
  const V square = b.op("Pow", {x, b.scalar(2, b.dtype(x))});
  const V mean = b.reduce("ReduceMean", square, last_axes(c.rank("input"), n_normalized(c)), true);
  return b.op("Sqrt", {b.add(mean, b.scalar(rms_eps(c), b.dtype(x)))});
}

V rms_normalization(Context& c) {
  const DType dtype = c.out_dtype();
  if (c.b.opset() >= 23) {
    const V scale = operand_or_full(c, "weight", dtype, 1, c.sizes("normalized_shape"));
    return c.b.op("RMSNormalization", {c.operand("input", dtype), scale},
                  {{"axis", -n_normalized(c)}, {"epsilon", rms_eps(c)}});
  }
  const V x = c.operand("input", accumulation_type(dtype));
  return scale_and_shift(c.b, c.b.div(x, root_mean_square(c, x)), c.optional_tensor("weight"), {});
}

Values rms_norm(Context& c) { return {rms_normalization(c)}; }

Values fused_rms_norm(Context& c) {
  const V x = c.operand("input", accumulation_type(c.out_dtype()));
  return {rms_normalization(c), c.b.op("Reciprocal", {root_mean_square(c, x)})};
}

// ---- group and instance ----

// [N, C, ...] as [N, groups, elements].
V grouped(Context& c, V x, int64_t groups) {
  const Sizes sizes = c.b.sizes_of(x);
  Size elements = 1;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    if (!sizes[i].is_static()) return c.b.reshape(x, {sizes[0], groups, -1});
    elements = c.b.size_mul(elements, sizes[i]);
  }
  return c.b.reshape(x, {sizes[0], groups, c.b.size_floordiv(elements, groups)});
}

V group_normalization(Context& c, int64_t groups) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  if (is_empty(b, c.tensor("input"))) return c.operand("input", dtype);
  const Sizes channels{c.shape("input").at(1)};
  if (b.opset() >= 21) {
    const V scale = operand_or_full(c, "weight", dtype, 1, channels);
    const V bias = operand_or_full(c, "bias", dtype, 0, channels);
    return b.op("GroupNormalization", {c.operand("input", dtype), scale, bias},
                {{"num_groups", groups}, {"epsilon", c.number("eps")}});
  }
  const V x = grouped(c, c.operand("input", accumulation_type(dtype)), groups);
  const DType computed = b.dtype(x);
  const V normal = computed == DType::Float64 ? normalize(b, x, {2}, c.number("eps"))
                                              : b.op("InstanceNormalization",
                                                     {x, b.full(1, computed, {groups}), b.full(0, computed, {groups})},
                                                     {{"epsilon", c.number("eps")}});
  const int64_t rank = c.rank("input");
  return scale_and_shift(b, b.reshape(normal, c.shape("input")), per_channel(b, c.optional_tensor("weight"), rank),
                         per_channel(b, c.optional_tensor("bias"), rank));
}

Values group_norm(Context& c) { return {group_normalization(c, c.integer("num_groups"))}; }

Values native_group_norm(Context& c) {
  const int64_t groups = c.integer("group");
  const V x = grouped(c, c.operand("input", accumulation_type(c.out_dtype())), groups);
  const Moments m = moments(c.b, x, {2});
  const V deviation = inverse_deviation(c.b, m.variance, c.number("eps"));
  return {group_normalization(c, groups), c.b.squeeze(m.mean, {2}), c.b.squeeze(deviation, {2})};
}

Values instance_norm(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const Sizes channels{c.shape("input").at(1)};
  const double eps = c.number("eps");
  const V weight = operand_or_full(c, "weight", dtype, 1, channels);
  const V bias = operand_or_full(c, "bias", dtype, 0, channels);
  const V x = c.operand("input", dtype);
  if (!c.flag("use_input_stats")) {
    const V mean = c.operand("running_mean", dtype);
    return {b.op("BatchNormalization", {x, weight, bias, mean, c.operand("running_var", dtype)}, {{"epsilon", eps}})};
  }
  const int64_t rank = c.rank("input");
  // onnxruntime has no float64 kernel, and float32 would lose digits.
  if (dtype != DType::Float64 && rank > 2) {
    return {b.op("InstanceNormalization", {x, weight, bias}, {{"epsilon", eps}})};
  }
  return {scale_and_shift(b, normalize(b, x, last_axes(rank, rank - 2), eps), per_channel(b, weight, rank),
                          per_channel(b, bias, rank))};
}

// ---- weights ----

// Norms over all axes but `dim`; over all of them for -1, which gives a number.
V norm_over_others(Builder& b, V v, double p, int64_t dim, int64_t rank) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rank && dim != -1; ++i) {
    if (i != dim) axes.push_back(i);
  }
  if (dim != -1 && axes.empty()) return b.op("Abs", {v});
  return vector_norm(b, v, p, axes, dim != -1);
}

int64_t kept_dim(Context& c) {
  const int64_t dim = c.integer("dim");
  return dim < -1 ? dim + c.rank("v") : dim;
}

Values norm_except_dim(Context& c) {
  return {norm_over_others(c.b, c.tensor("v"), c.number("pow"), kept_dim(c), c.rank("v"))};
}

Values weight_norm_interface(Context& c) {
  const V v = c.operand("v", c.out_dtype());
  const V norm = norm_over_others(c.b, v, 2, kept_dim(c), c.rank("v"));
  return {c.b.mul(v, c.b.div(c.operand("g", c.out_dtype()), norm)), norm};
}

Values weight_norm(Context& c) { return {weight_norm_interface(c).front()}; }

// Slices along `dim` whose norm exceeds maxnorm are scaled down to it.
Values renorm(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V x = c.operand("self", dtype);
  const V norm = norm_over_others(b, x, c.number("p"), c.axis("dim", "self"), c.rank("self"));
  const V limit = c.scalar("maxnorm", dtype);
  const V factor = b.div(limit, b.add(norm, b.scalar(1e-7, dtype)));
  return {b.mul(x, b.where(b.op("Greater", {norm, limit}), factor, b.scalar(1, dtype)))};
}

constexpr Row kRows[] = {
    {"aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float "
     "eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
     layer_norm},
    {"aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> "
     "(Tensor, Tensor, Tensor)",
     native_layer_norm},
    {"aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
     rms_norm},
    {"aten::_fused_rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float? eps) -> (Tensor, Tensor)",
     fused_rms_norm},
    {"aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float "
     "eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor",
     group_norm},
    {"aten::native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, "
     "float eps) -> (Tensor, Tensor, Tensor)",
     native_group_norm},
    {"aten::instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
     "use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
     instance_norm},
    {"aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", norm_except_dim},
    {"aten::_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", weight_norm},
    {"aten::_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)", weight_norm_interface},
    {"aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", renorm},
    {"aten::renorm_(Tensor(a!) self, Scalar p, int dim, Scalar maxnorm) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family norm_ops() { return kRows; }

}  // namespace modelexport::lower
