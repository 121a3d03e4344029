// Functions of one tensor that ONNX has, or nearly has.
#include <cmath>

#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

template <V (*F)(Builder&, V)>
Values unary_of(Context& c) {
  return {F(c.b, c.operand("self", c.out_dtype()))};
}

// Integers are round already.
template <OpName Name>
Values rounding(Context& c) {
  const V self = c.tensor("self");
  return {is_floating(c.out_dtype()) ? c.b.op(Name.text, {self}) : self};
}

// Of NaN it is 0, where that of ONNX is NaN.
V sign(Builder& b, V x) {
  const V result = b.op("Sign", {x});
  return is_floating(b.dtype(x)) ? b.where(b.op("IsNaN", {x}), number_like(b, 0, x), result) : result;
}

Values round_decimals(Context& c) {
  const V self = c.tensor("self");
  const int64_t decimals = c.integer("decimals");
  if (!is_floating(c.out_dtype())) return {self};
  if (decimals == 0) return {c.b.op("Round", {self})};
  const V unit = number_like(c.b, std::pow(10.0, std::abs(static_cast<double>(decimals))), self);
  if (decimals > 0) return {c.b.div(c.b.op("Round", {c.b.mul(self, unit)}), unit)};
  return {c.b.mul(c.b.op("Round", {c.b.div(self, unit)}), unit)};
}

V rsqrt(Builder& b, V x) { return b.op("Reciprocal", {b.op("Sqrt", {x})}); }
V square(Builder& b, V x) { return b.mul(x, x); }
V frac(Builder& b, V x) { return b.sub(x, trunc(b, x)); }
V exp2(Builder& b, V x) { return b.op("Pow", {number_like(b, 2, x), x}); }
V log2(Builder& b, V x) { return b.div(b.op("Log", {x}), number_like(b, M_LN2, x)); }
V log10(Builder& b, V x) { return b.div(b.op("Log", {x}), number_like(b, M_LN10, x)); }
V deg2rad(Builder& b, V x) { return b.mul(x, number_like(b, M_PI / 180, x)); }
V rad2deg(Builder& b, V x) { return b.mul(x, number_like(b, 180 / M_PI, x)); }

Values same(Context& c) { return {c.tensor("self")}; }

const Row kRows[] = {
    {"aten::neg(Tensor self) -> Tensor", unary<"Neg">},
    {"aten::negative(Tensor self) -> Tensor", unary<"Neg">},
    {"aten::positive(Tensor(a) self) -> Tensor(a)", same},
    {"aten::abs(Tensor self) -> Tensor", unary<"Abs">},
    {"aten::absolute(Tensor self) -> Tensor", unary<"Abs">},
    {"aten::sign(Tensor self) -> Tensor", unary_of<sign>},
    {"aten::sgn(Tensor self) -> Tensor", unary_of<sign>},
    {"aten::reciprocal(Tensor self) -> Tensor", unary<"Reciprocal">},
    {"aten::sqrt(Tensor self) -> Tensor", unary<"Sqrt">},
    {"aten::rsqrt(Tensor self) -> Tensor", unary_of<rsqrt>},
    {"aten::square(Tensor self) -> Tensor", unary_of<square>},
    {"aten::exp(Tensor self) -> Tensor", unary<"Exp">},
    {"aten::exp2(Tensor self) -> Tensor", unary_of<exp2>},
    {"aten::special_exp2(Tensor self) -> Tensor", unary_of<exp2>},
    {"aten::expm1(Tensor self) -> Tensor", unary_of<expm1>},
    {"aten::special_expm1(Tensor self) -> Tensor", unary_of<expm1>},
    {"aten::log(Tensor self) -> Tensor", unary<"Log">},
    {"aten::log2(Tensor self) -> Tensor", unary_of<log2>},
    {"aten::log10(Tensor self) -> Tensor", unary_of<log10>},
    {"aten::log1p(Tensor self) -> Tensor", unary_of<log1p>},
    {"aten::special_log1p(Tensor self) -> Tensor", unary_of<log1p>},
    {"aten::sin(Tensor self) -> Tensor", unary<"Sin">},
    {"aten::cos(Tensor self) -> Tensor", unary<"Cos">},
    {"aten::tan(Tensor self) -> Tensor", unary<"Tan">},
    {"aten::asin(Tensor self) -> Tensor", unary<"Asin">},
    {"aten::arcsin(Tensor self) -> Tensor", unary<"Asin">},
    {"aten::acos(Tensor self) -> Tensor", unary<"Acos">},
    {"aten::arccos(Tensor self) -> Tensor", unary<"Acos">},
    {"aten::atan(Tensor self) -> Tensor", unary<"Atan">},
    {"aten::arctan(Tensor self) -> Tensor", unary<"Atan">},
    {"aten::sinh(Tensor self) -> Tensor", unary<"Sinh">},
    {"aten::cosh(Tensor self) -> Tensor", unary<"Cosh">},
    {"aten::tanh(Tensor self) -> Tensor", unary<"Tanh">},
    {"aten::asinh(Tensor self) -> Tensor", unary<"Asinh">},
    {"aten::arcsinh(Tensor self) -> Tensor", unary<"Asinh">},
    {"aten::acosh(Tensor self) -> Tensor", unary<"Acosh">},
    {"aten::arccosh(Tensor self) -> Tensor", unary<"Acosh">},
    {"aten::atanh(Tensor self) -> Tensor", unary<"Atanh">},
    {"aten::arctanh(Tensor self) -> Tensor", unary<"Atanh">},
    {"aten::erf(Tensor self) -> Tensor", unary<"Erf">},
    {"aten::special_erf(Tensor self) -> Tensor", unary<"Erf">},
    {"aten::sigmoid(Tensor self) -> Tensor", unary<"Sigmoid">},
    {"aten::special_expit(Tensor self) -> Tensor", unary<"Sigmoid">},
    {"aten::floor(Tensor self) -> Tensor", rounding<"Floor">},
    {"aten::ceil(Tensor self) -> Tensor", rounding<"Ceil">},
    {"aten::round(Tensor self) -> Tensor", rounding<"Round">},
    {"aten::round.decimals(Tensor self, *, int decimals) -> Tensor", round_decimals},
    {"aten::special_round(Tensor self, *, int decimals=0) -> Tensor", round_decimals},
    {"aten::trunc(Tensor self) -> Tensor", unary_of<trunc>},
    {"aten::fix(Tensor self) -> Tensor", unary_of<trunc>},
    {"aten::frac(Tensor self) -> Tensor", unary_of<frac>},
    {"aten::deg2rad(Tensor self) -> Tensor", unary_of<deg2rad>},
    {"aten::rad2deg(Tensor self) -> Tensor", unary_of<rad2deg>},
};

}  // namespace

Family unary_rows() { return kRows; }

}  // namespace modelexport::lower
