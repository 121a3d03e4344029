// Quantisation: torch's decomposed operators and fake quantisation.
//
// Eight-bit types become QuantizeLinear and DequantizeLinear, which runtimes look for; the rest is written out.
#include <limits>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

struct Quantizer {
  V scale;       // float32: [] or [channels]
  V zero_point;  // any type, shaped alike; empty: 0
  DType dtype = DType::Undefined;
  std::optional<int64_t> axis;  // of the channels
  V lowest;                     // float32 []; the range of quantised values
  V highest;
};

struct Range {
  double lowest;
  double highest;
};

std::optional<Range> range_of(DType dtype) {
  switch (dtype) {
    case DType::UInt8:
      return Range{0, 255};
    case DType::Int8:
      return Range{-128, 127};
    case DType::UInt16:
      return Range{0, 65535};
    case DType::Int16:
      return Range{-32768, 32767};
    default:
      return std::nullopt;
  }
}

// Whether ONNX quantises to this type at this opset.
bool has_linear(const Builder& b, DType dtype) {
  const bool is_8_bit = dtype == DType::UInt8 || dtype == DType::Int8;
  return is_8_bit || (range_of(dtype) && b.opset() >= 21);
}

bool spans(Context& c, DType dtype) {
  const auto range = range_of(dtype);
  return range && c.number("quant_min") == range->lowest && c.number("quant_max") == range->highest;
}

// [channels] shaped to broadcast along the quantiser's axis of x.
V along_channels(Builder& b, V channels, const Quantizer& q, V x) {
  if (!q.axis) return channels;
  std::vector<int64_t> axes;
  for (int64_t i = 1; i < b.rank(x).value_or(1) - *q.axis; ++i) axes.push_back(i);
  return b.unsqueeze(channels, axes);
}

V zero_point_as(Builder& b, const Quantizer& q, DType dtype) {
  return q.zero_point ? b.cast(q.zero_point, dtype) : b.scalar(0, dtype);
}

// float32, for each element of x.
V zero_point_along(Builder& b, const Quantizer& q, V x) {
  const V zero_point = zero_point_as(b, q, DType::Float32);
  return q.zero_point ? along_channels(b, zero_point, q, x) : zero_point;
}

// round(x / scale) + zero point, in float32.
V quantized_unbounded(Builder& b, V x, const Quantizer& q) {
  const V inverse = b.op("Reciprocal", {along_channels(b, q.scale, q, x)});
  const V rounded = b.op("Round", {b.mul(b.cast(x, DType::Float32), inverse)});
  return b.add(rounded, zero_point_along(b, q, x));
}

Attrs axis_attribute(const Quantizer& q) { return q.axis ? Attrs{{"axis", *q.axis}} : Attrs{}; }

V quantize(Context& c, V x, const Quantizer& q) {
  Builder& b = c.b;
  const bool has_range = c.node.find("quant_min") != nullptr && c.is_number("quant_min");
  if (!has_linear(b, q.dtype) || !has_range || (!q.zero_point && q.axis)) {
    return b.cast(b.clip(quantized_unbounded(b, x, q), q.lowest, q.highest), q.dtype);
  }
  const V zero_point = zero_point_as(b, q, q.dtype);
  const V out = b.op("QuantizeLinear", {b.cast(x, DType::Float32), q.scale, zero_point}, axis_attribute(q));
  return spans(c, q.dtype) ? out : b.clip(out, b.cast(q.lowest, q.dtype), b.cast(q.highest, q.dtype));
}

V dequantize(Builder& b, V x, const Quantizer& q) {
  if (has_linear(b, q.dtype) && (q.zero_point || !q.axis)) {
    return b.op("DequantizeLinear", {x, q.scale, zero_point_as(b, q, q.dtype)}, axis_attribute(q));
  }
  const V shifted = b.sub(b.cast(x, DType::Float32), zero_point_along(b, q, x));
  return b.mul(shifted, along_channels(b, q.scale, q, x));
}

// ---- arguments ----

// A parameter of the whole tensor, number or tensor with one element, as a rank-0 float32 tensor.
V single(Context& c, std::string_view name) {
  const V v = c.operand(name, DType::Float32);
  return c.rank(name) == 0 ? v : c.b.reshape(v, {});
}

Quantizer per_tensor(Context& c) {
  Quantizer q;
  q.scale = single(c, "scale");
  q.zero_point = single(c, "zero_point");
  q.lowest = single(c, "quant_min");
  q.highest = single(c, "quant_max");
  if (c.has("dtype")) q.dtype = *c.dtype_arg("dtype");
  return q;
}

Quantizer per_channel(Context& c, std::string_view input, std::string_view scales, std::string_view zero_points) {
  Quantizer q;
  q.scale = c.operand(scales, DType::Float32);
  q.zero_point = c.optional_tensor(zero_points);
  q.lowest = single(c, "quant_min");
  q.highest = single(c, "quant_max");
  q.axis = c.axis("axis", input);
  if (c.has("dtype")) q.dtype = *c.dtype_arg("dtype");
  return q;
}

// ---- quantized_decomposed ----

Values quantize_per_tensor(Context& c) { return {quantize(c, c.tensor("input"), per_tensor(c))}; }

Values dequantize_per_tensor(Context& c) { return {dequantize(c.b, c.tensor("input"), per_tensor(c))}; }

Values quantize_per_channel(Context& c) {
  return {quantize(c, c.tensor("input"), per_channel(c, "input", "scales", "zero_points"))};
}

Values dequantize_per_channel(Context& c) {
  return {dequantize(c.b, c.tensor("input"), per_channel(c, "input", "scales", "zero_points"))};
}

// Rows of `group_size` elements with parameters of their own, as rows of a matrix; or tokens, whose parameters
// broadcast as they are.
V grouped(Context& c, V x, const Size& group_size) { return c.b.reshape(x, {-1, group_size}); }

Size group_size(Context& c) {
  const Size wanted = c.integer("group_size");
  const Size width = c.shape("input").back();
  const bool is_wide = width.is_static() && wanted.value > width.value;
  return is_wide ? width : wanted;
}

V round_to_range(Context& c, V x, V scales, V zero_points) {
  Builder& b = c.b;
  const DType dtype = promote(b.dtype(x), b.dtype(scales));
  const V scaled = b.mul(b.cast(x, dtype), b.op("Reciprocal", {b.cast(scales, dtype)}));
  const V rounded = b.op("Round", {b.add(scaled, b.cast(zero_points, dtype))});
  return b.cast(b.clip(rounded, c.scalar("quant_min", dtype), c.scalar("quant_max", dtype)), c.out_dtype());
}

V from_integers(Builder& b, V x, V scales, V zero_points) {
  const V scaled = b.cast(x, b.dtype(scales));
  return b.mul(zero_points ? b.sub(scaled, b.cast(zero_points, b.dtype(scales))) : scaled, scales);
}

Values quantize_per_token(Context& c) {
  return {round_to_range(c, c.tensor("input"), c.tensor("scales"), c.tensor("zero_points"))};
}

Values dequantize_per_token(Context& c) {
  return {from_integers(c.b, c.tensor("input"), c.tensor("scales"), c.tensor("zero_points"))};
}

Values quantize_per_channel_group(Context& c) {
  const V x = grouped(c, c.tensor("input"), group_size(c));
  const V q = round_to_range(c, x, grouped(c, c.tensor("scales"), 1), grouped(c, c.tensor("zero_points"), 1));
  return {c.b.reshape(q, c.out_sizes())};
}

Values dequantize_per_channel_group(Context& c) {
  const V zero_points = c.has("zero_points") ? grouped(c, c.tensor("zero_points"), 1) : V{};
  const V x = grouped(c, c.tensor("input"), group_size(c));
  return {c.b.reshape(from_integers(c.b, x, grouped(c, c.tensor("scales"), 1), zero_points), c.out_sizes())};
}

// ---- parameters from data ----

struct Extent {
  V lowest;   // at most 0
  V highest;  // at least 0
};

Extent extent(Builder& b, V x, const std::vector<int64_t>& axes, bool keepdims) {
  const V zero = b.scalar(0, b.dtype(x));
  return {b.op("Min", {b.reduce("ReduceMin", x, axes, keepdims), zero}),
          b.op("Max", {b.reduce("ReduceMax", x, axes, keepdims), zero})};
}

Values choose_parameters(Context& c) {
  Builder& b = c.b;
  const DType dtype = DType::Float32;
  const Extent x = extent(b, c.operand("input", dtype), {}, false);
  const V steps = b.scalar(c.number("quant_max") - c.number("quant_min"), dtype);
  const V scale = b.op("Max", {b.div(b.sub(x.highest, x.lowest), steps), b.scalar(c.number("eps"), dtype)});
  const V lowest = c.scalar("quant_min", dtype);
  const V zero_point =
      b.clip(b.sub(lowest, b.op("Round", {b.div(x.lowest, scale)})), lowest, c.scalar("quant_max", dtype));
  return {b.unsqueeze(scale, {0}), b.unsqueeze(zero_point, {0})};
}

Values choose_symmetric_parameters(Context& c) {
  Builder& b = c.b;
  const DType dtype = DType::Float32;
  const Extent x = extent(b, c.operand("input", dtype), {}, false);
  const V largest = b.op("Max", {b.op("Neg", {x.lowest}), x.highest});
  const V half = b.scalar((c.number("quant_max") - c.number("quant_min")) / 2, dtype);
  const V scale = b.op("Max", {b.div(largest, half), b.scalar(c.number("eps"), dtype)});
  const double zero_point = *c.dtype_arg("dtype") == DType::UInt8 ? 128 : 0;
  return {b.unsqueeze(scale, {0}), b.full(zero_point, DType::Int64, {1})};
}

Values choose_per_token(Context& c) {
  Builder& b = c.b;
  const V x = c.tensor("input");
  V largest = b.reduce("ReduceMax", b.op("Abs", {x}), {-1}, true);
  if (b.dtype(largest) == DType::Float16) largest = b.cast(largest, DType::Float32);
  const DType dtype = b.dtype(largest);
  const V scales = b.div(b.op("Max", {largest, b.scalar(1e-5, dtype)}), b.scalar(127, dtype));
  return {scales, b.sub(scales, scales)};
}

Values choose_per_token_asymmetric(Context& c) {
  Builder& b = c.b;
  const V x = c.tensor("input");
  const DType dtype = b.dtype(x);
  const auto number = [&](double value) { return b.scalar(value, dtype); };
  const Extent e = extent(b, x, {-1}, true);
  const V span = b.div(b.sub(e.highest, e.lowest), number(255));
  const V scale = b.op("Max", {span, number(std::numeric_limits<float>::epsilon())});
  const V low = b.div(e.lowest, scale);
  const V high = b.div(e.highest, scale);
  const V errors = b.add(b.add(number(-128), low), b.add(number(127), high));
  const V zero_point =
      b.where(b.op("Greater", {errors, number(0)}), b.sub(number(-128), low), b.sub(number(127), high));
  return {scale, b.op("Round", {b.clip(zero_point, number(-128), number(127))})};
}

// ---- fake quantisation ----

// Quantised and back: as the pair of operators when the range is that of a type, else written out.
V fake(Context& c, V x, Quantizer q) {
  Builder& b = c.b;
  for (DType dtype : {DType::UInt8, DType::Int8}) {
    if (!spans(c, dtype) || !q.zero_point) continue;
    q.dtype = dtype;
    return dequantize(b, quantize(c, x, q), q);
  }
  const V bounded = b.clip(quantized_unbounded(b, x, q), q.lowest, q.highest);
  const V shifted = b.sub(bounded, zero_point_along(b, q, x));
  return b.mul(shifted, along_channels(b, q.scale, q, x));
}

// Where x was within the range.
V in_range(Context& c, V x, const Quantizer& q) {
  const V unbounded = quantized_unbounded(c.b, x, q);
  return c.b.op("And",
                {c.b.op("GreaterOrEqual", {unbounded, q.lowest}), c.b.op("LessOrEqual", {unbounded, q.highest})});
}

Values fake_per_tensor(Context& c) { return {fake(c, c.tensor("self"), per_tensor(c))}; }

Values fake_per_tensor_cachemask(Context& c) {
  const V x = c.tensor("self");
  const Quantizer q = per_tensor(c);
  return {fake(c, x, q), in_range(c, x, q)};
}

Quantizer fake_channels(Context& c) { return per_channel(c, "self", "scale", "zero_point"); }

Values fake_per_channel(Context& c) { return {fake(c, c.tensor("self"), fake_channels(c))}; }

Values fake_per_channel_cachemask(Context& c) {
  const V x = c.tensor("self");
  const Quantizer q = fake_channels(c);
  return {fake(c, x, q), in_range(c, x, q)};
}

Values decomposed_fake_per_channel(Context& c) {
  return {fake(c, c.tensor("input"), per_channel(c, "input", "scales", "zero_points"))};
}

Values convert_element_type(Context& c) { return {c.b.cast(c.tensor("input"), c.out_dtype())}; }

constexpr Row kRows[] = {
    {"quantized_decomposed::quantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int "
     "quant_max, ScalarType dtype) -> Tensor",
     quantize_per_tensor},
    {"quantized_decomposed::quantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, "
     "int quant_max, ScalarType dtype) -> Tensor",
     quantize_per_tensor},
    {"quantized_decomposed::quantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor "
     "quant_min, Tensor quant_max, ScalarType dtype) -> Tensor",
     quantize_per_tensor},
    {"quantized_decomposed::dequantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int "
     "quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
     dequantize_per_tensor},
    {"quantized_decomposed::dequantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, "
     "int quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
     dequantize_per_tensor},
    {"quantized_decomposed::dequantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor "
     "quant_min, Tensor quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
     dequantize_per_tensor},
    {"quantized_decomposed::quantize_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int "
     "quant_min, int quant_max, ScalarType dtype) -> Tensor",
     quantize_per_channel},
    {"quantized_decomposed::dequantize_per_channel(Tensor input, Tensor scales, Tensor? zero_points, int axis, int "
     "quant_min, int quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
     dequantize_per_channel},
    {"quantized_decomposed::quantize_per_channel_group(Tensor input, Tensor scales, Tensor zero_points, int quant_min, "
     "int quant_max, ScalarType dtype, int group_size) -> Tensor",
     quantize_per_channel_group},
    {"quantized_decomposed::dequantize_per_channel_group(Tensor input, Tensor scales, Tensor? zero_points, int "
     "quant_min, int quant_max, ScalarType dtype, int group_size, ScalarType output_dtype) -> Tensor",
     dequantize_per_channel_group},
    {"quantized_decomposed::quantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int "
     "quant_max, ScalarType dtype) -> Tensor",
     quantize_per_token},
    {"quantized_decomposed::dequantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int "
     "quant_max, ScalarType dtype, ScalarType output_dtype) -> Tensor",
     dequantize_per_token},
    {"quantized_decomposed::choose_qparams.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType "
     "dtype) -> (Tensor, Tensor)",
     choose_parameters},
    {"quantized_decomposed::choose_qparams_symmetric.tensor(Tensor input, int quant_min, int quant_max, float eps, "
     "ScalarType dtype) -> (Tensor, Tensor)",
     choose_symmetric_parameters},
    {"quantized_decomposed::choose_qparams_per_token(Tensor input, ScalarType dtype) -> (Tensor, Tensor)",
     choose_per_token},
    {"quantized_decomposed::choose_qparams_per_token_asymmetric(Tensor input, ScalarType dtype) -> (Tensor, Tensor)",
     choose_per_token_asymmetric},
    {"quantized_decomposed::_choose_qparams_per_token_asymmetric_impl(Tensor input, ScalarType dtype) -> (Tensor, "
     "Tensor)",
     choose_per_token_asymmetric},
    {"quantized_decomposed::fake_quant_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int "
     "quant_min, int quant_max) -> Tensor",
     decomposed_fake_per_channel},
    {"quantized_decomposed::convert_element_type.no_fuse(Tensor input, ScalarType dtype) -> Tensor",
     convert_element_type},
    {"aten::fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> "
     "Tensor",
     fake_per_tensor},
    {"aten::fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int "
     "quant_min, int quant_max) -> Tensor",
     fake_per_tensor},
    {"aten::fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int "
     "quant_max) -> (Tensor output, Tensor mask)",
     fake_per_tensor_cachemask},
    {"aten::fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, "
     "int quant_max) -> Tensor",
     fake_per_channel},
    {"aten::fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int "
     "quant_min, int quant_max) -> (Tensor output, Tensor mask)",
     fake_per_channel_cachemask},
};

}  // namespace

Family quantized_ops() { return kRows; }

}  // namespace modelexport::lower
