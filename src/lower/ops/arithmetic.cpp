// Sums, products, quotients, powers and what is made of them.
#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

// `alpha` or `value` times `x`, where 1 leaves no trace.
V scaled(Context& c, std::string_view factor, V x) {
  if (is_constant(c, factor, 1)) return x;
  return c.b.mul(x, c.scalar(factor, c.b.dtype(x)));
}

Values add(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  if (dtype == DType::Bool) {
    return {is_constant(c, "alpha", 0) ? c.b.op("Or", {self, self}) : c.b.op("Or", {self, other})};
  }
  return {c.b.add(self, scaled(c, "alpha", other))};
}

Values sub(Context& c) {
  const DType dtype = c.out_dtype();
  return {c.b.sub(c.operand("self", dtype), scaled(c, "alpha", c.operand("other", dtype)))};
}

Values rsub(Context& c) {
  const DType dtype = c.out_dtype();
  return {c.b.sub(c.operand("other", dtype), scaled(c, "alpha", c.operand("self", dtype)))};
}

Values mul(Context& c) {
  const DType dtype = c.out_dtype();
  const char* op_type = dtype == DType::Bool ? "And" : "Mul";
  return {c.b.op(op_type, {c.operand("self", dtype), c.operand("other", dtype)})};
}

Values div(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  const std::string mode = c.node.find("rounding_mode") != nullptr ? c.text_or("rounding_mode", "") : "";
  if (mode == "floor") return {floor_div(c.b, self, other)};
  return {mode == "trunc" ? trunc(c.b, c.b.div(self, other)) : c.b.div(self, other)};
}

template <V (*F)(Builder&, V, V)>
Values binary_of(Context& c) {
  const DType dtype = c.out_dtype();
  return {F(c.b, c.operand("self", dtype), c.operand("other", dtype))};
}

// Where the exponent is a small number, what torch computes instead of a power. onnxruntime multiplies for squares and
// cubes itself, and knows normalisations and GELUs by them, but has no Pow for the other types.
std::optional<V> easy_power(Context& c, V base) {
  const bool has_kernel = c.b.dtype(base) == DType::Float32 || c.b.dtype(base) == DType::Float64;
  if (is_constant(c, "exponent", 1)) return base;
  if (!has_kernel && is_constant(c, "exponent", 2)) return c.b.mul(base, base);
  if (!has_kernel && is_constant(c, "exponent", 3)) return c.b.mul(c.b.mul(base, base), base);
  if (!is_floating(c.b.dtype(base))) return std::nullopt;
  if (is_constant(c, "exponent", 0.5)) return c.b.op("Sqrt", {base});
  if (is_constant(c, "exponent", -1)) return c.b.op("Reciprocal", {base});
  if (is_constant(c, "exponent", -0.5)) return c.b.op("Reciprocal", {c.b.op("Sqrt", {base})});
  return std::nullopt;
}

// An integer to a negative power is 0 but for 1 and -1. 0 is so in torch; runtimes make it an infinity, cast.
V integer_power(Builder& b, V base, V exponent) {
  const V is_zero = b.op("Equal", {base, number_like(b, 0, base)});
  const V divides = b.op("And", {is_zero, is_negative(b, exponent)});
  return b.where(divides, base, b.op("Pow", {base, exponent}));
}

Values power(Context& c) {
  const DType dtype = c.out_dtype();
  const V base = c.operand("self", dtype);
  if (dtype == DType::Bool) {  // false only for 0 to the power of 1
    return {c.b.op("Or", {base, c.b.op("Not", {c.operand("exponent", dtype)})})};
  }
  if (const auto easy = easy_power(c, base)) return {*easy};
  const V exponent = c.operand("exponent", dtype);
  const std::optional<double> known = constant_number(c.b, exponent);
  const bool may_divide = !is_floating(dtype) && !is_unsigned(dtype) && known.value_or(-1) < 0;
  return {may_divide ? integer_power(c.b, base, exponent) : c.b.op("Pow", {base, exponent})};
}

Values addcmul(Context& c) {
  const DType dtype = c.out_dtype();
  const V product = c.b.mul(c.operand("tensor1", dtype), c.operand("tensor2", dtype));
  return {c.b.add(c.operand("self", dtype), scaled(c, "value", product))};
}

Values addcdiv(Context& c) {
  const DType dtype = c.out_dtype();
  const V quotient = c.b.div(c.operand("tensor1", dtype), c.operand("tensor2", dtype));
  return {c.b.add(c.operand("self", dtype), scaled(c, "value", quotient))};
}

// From the nearer end, so that a weight of 1 gives `end` exactly.
Values lerp(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V end = c.operand("end", dtype);
  const V weight = c.operand("weight", dtype);
  const V span = c.b.sub(end, self);
  const auto from_self = [&] { return c.b.add(self, c.b.mul(weight, span)); };
  const auto from_end = [&] { return c.b.sub(end, c.b.mul(span, c.b.sub(number_like(c.b, 1, weight), weight))); };
  if (const auto known = constant_number(c.b, weight)) return {std::abs(*known) < 0.5 ? from_self() : from_end()};
  const V nearer_self = c.b.op("Less", {c.b.op("Abs", {weight}), number_like(c.b, 0.5, weight)});
  return {c.b.where(nearer_self, from_self(), from_end())};
}

// Twice the precision keeps the squares from overflowing.
Values hypot(Context& c) {
  const auto square = [&](std::string_view name) {
    const V x = c.operand(name, DType::Float64);
    return c.b.mul(x, x);
  };
  return {c.b.cast(c.b.op("Sqrt", {c.b.add(square("self"), square("other"))}), c.out_dtype())};
}

Values copysign(Context& c) {
  const DType dtype = c.out_dtype();
  const V size = c.b.op("Abs", {c.operand("self", dtype)});
  return {c.b.where(sign_bit(c.b, c.operand("other", dtype)), c.b.op("Neg", {size}), size)};
}

Values heaviside(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V is_zero = c.b.op("Equal", {self, number_like(c.b, 0, self)});
  return {c.b.where(is_zero, c.operand("values", dtype), c.b.cast(is_positive(c.b, self), dtype))};
}

Values ldexp(Context& c) {
  const DType dtype = c.out_dtype();
  const V exponent = c.operand("other", dtype);
  return {c.b.mul(c.operand("self", dtype), c.b.op("Pow", {number_like(c.b, 2, exponent), exponent}))};
}

// log(e^x + e^y) = max + log(1 + e^-|x-y|), where two equal infinities are their own result.
V log_add_exp(Builder& b, V x, V y, double base) {
  const V larger = b.op("Max", {x, y});
  const V distance = b.op("Abs", {b.sub(x, y)});
  const V scale = number_like(b, std::log(base), x);
  const V grown =
      base == M_E ? b.op("Exp", {b.op("Neg", {distance})}) : b.op("Exp", {b.op("Neg", {b.mul(distance, scale)})});
  const V growth = base == M_E ? log1p(b, grown) : b.div(log1p(b, grown), scale);
  const V equal = b.op("And", {b.op("Equal", {x, y}), b.op("IsInf", {x})});
  return b.where(equal, x, b.add(larger, growth));
}

Values logaddexp(Context& c) {
  const DType dtype = c.out_dtype();
  return {log_add_exp(c.b, c.operand("self", dtype), c.operand("other", dtype), M_E)};
}

Values logaddexp2(Context& c) {
  const DType dtype = c.out_dtype();
  return {log_add_exp(c.b, c.operand("self", dtype), c.operand("other", dtype), 2)};
}

const Row kRows[] = {
    {"aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", add},
    {"aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", add},
    {"aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", sub},
    {"aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", sub},
    {"aten::subtract.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", sub},
    {"aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", sub},
    {"aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", rsub},
    {"aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", rsub},
    {"aten::mul.Tensor(Tensor self, Tensor other) -> Tensor", mul},
    {"aten::mul.Scalar(Tensor self, Scalar other) -> Tensor", mul},
    {"aten::multiply.Tensor(Tensor self, Tensor other) -> Tensor", mul},
    {"aten::multiply.Scalar(Tensor self, Scalar other) -> Tensor", mul},
    {"aten::div.Tensor(Tensor self, Tensor other) -> Tensor", div},
    {"aten::div.Scalar(Tensor self, Scalar other) -> Tensor", div},
    {"aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", div},
    {"aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", div},
    {"aten::divide.Tensor(Tensor self, Tensor other) -> Tensor", div},
    {"aten::divide.Scalar(Tensor self, Scalar other) -> Tensor", div},
    {"aten::divide.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", div},
    {"aten::divide.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", div},
    {"aten::true_divide.Tensor(Tensor self, Tensor other) -> Tensor", div},
    {"aten::true_divide.Scalar(Tensor self, Scalar other) -> Tensor", div},
    {"aten::floor_divide(Tensor self, Tensor other) -> Tensor", binary_of<floor_div>},
    {"aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", binary_of<floor_div>},
    {"aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor", binary_of<fmod>},
    {"aten::fmod.Scalar(Tensor self, Scalar other) -> Tensor", binary_of<fmod>},
    {"aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor", binary_of<remainder>},
    {"aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor", binary_of<remainder>},
    {"aten::remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", binary_of<remainder>},
    {"aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", power},
    {"aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", power},
    {"aten::pow.Scalar(Scalar self, Tensor exponent) -> Tensor", power},
    {"aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", power},
    {"aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", power},
    {"aten::float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", power},
    {"aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcmul},
    {"aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcdiv},
    {"aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", lerp},
    {"aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor", lerp},
    {"aten::hypot(Tensor self, Tensor other) -> Tensor", hypot},
    {"aten::atan2(Tensor self, Tensor other) -> Tensor", binary_of<atan2>},
    {"aten::arctan2(Tensor self, Tensor other) -> Tensor", binary_of<atan2>},
    {"aten::copysign.Tensor(Tensor self, Tensor other) -> Tensor", copysign},
    {"aten::copysign.Scalar(Tensor self, Scalar other) -> Tensor", copysign},
    {"aten::heaviside(Tensor self, Tensor values) -> Tensor", heaviside},
    {"aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor", ldexp},
    {"aten::logaddexp(Tensor self, Tensor other) -> Tensor", logaddexp},
    {"aten::logaddexp2(Tensor self, Tensor other) -> Tensor", logaddexp2},
};

}  // namespace

Family arithmetic_rows() { return kRows; }

Family pointwise_ops() {
  static const std::vector<Row> rows =
      joined({arithmetic_rows(), extremum_rows(), comparison_rows(), bitwise_rows(), unary_rows(), special_rows(),
              gamma_rows(), error_function_rows(), bessel_rows(), divisor_rows(), pointwise_in_place_rows()});
  return rows;
}

}  // namespace modelexport::lower
