// Special functions, as far as ONNX operators express them.
#include <cmath>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

V self_of(Context& c) { return c.operand("self", c.out_dtype()); }

V is_zero(Builder& b, V x) { return b.op("Equal", {x, number_like(b, 0, x)}); }

Values logit(Context& c) {
  V self = self_of(c);
  const double eps = c.number_or("eps", -1);
  if (eps >= 0) self = c.b.clip(self, number_like(c.b, eps, self), number_like(c.b, 1 - eps, self));
  return {c.b.op("Log", {c.b.div(self, c.b.sub(number_like(c.b, 1, self), self))})};
}

Values sinc(Context& c) {
  const V self = self_of(c);
  const V angle = c.b.mul(self, number_like(c.b, M_PI, self));
  return {c.b.where(is_zero(c.b, self), number_like(c.b, 1, self), c.b.div(c.b.op("Sin", {angle}), angle))};
}

// x * log(y), 0 where x is 0 unless y is NaN.
Values times_log(Context& c, V log) {
  const V self = self_of(c);
  const V vanishes =
      c.b.op("And", {is_zero(c.b, self), c.b.op("Not", {c.b.op("IsNaN", {c.operand("other", c.out_dtype())})})});
  return {c.b.where(vanishes, number_like(c.b, 0, self), c.b.mul(self, log))};
}

Values xlogy(Context& c) { return times_log(c, c.b.op("Log", {c.operand("other", c.out_dtype())})); }
Values xlog1py(Context& c) { return times_log(c, log1p(c.b, c.operand("other", c.out_dtype()))); }

// -x log x; 0 at 0, -inf below.
Values entr(Context& c) {
  const V self = self_of(c);
  const V inside = c.b.op("Neg", {c.b.mul(self, c.b.op("Log", {self}))});
  const V below = number_like(c.b, -std::numeric_limits<double>::infinity(), self);
  const V outside = c.b.where(is_negative(c.b, self), below, inside);
  return {c.b.where(is_zero(c.b, self), number_like(c.b, 0, self), outside)};
}

// Of a real number: pi below zero, else 0; NaN stays.
Values angle(Context& c) {
  const V self = self_of(c);
  const V angle = c.b.where(is_negative(c.b, self), number_like(c.b, M_PI, self), number_like(c.b, 0, self));
  if (!is_floating(c.dtype("self"))) return {angle};
  return {c.b.where(c.b.op("IsNaN", {self}), self, angle)};
}

// x = mantissa 2^exponent with 1/2 <= |mantissa| < 1, in double precision, where float32's smallest numbers are normal
// ones; what the logarithm's rounding got wrong by one is put right. 0, infinities and NaN are their own mantissa.
Values frexp(Context& c) {
  Builder& b = c.b;
  const V x = c.operand("self", DType::Float64);
  const V size = b.op("Abs", {x});
  const V special = b.op("Or", {is_zero(b, x), b.op("Not", {b.op("Less", {size, number_like(b, HUGE_VAL, x)})})});
  const V one = number_like(b, 1, x);
  const V log = b.div(b.op("Log", {b.where(special, one, size)}), number_like(b, M_LN2, x));
  const V guess = b.add(b.op("Floor", {log}), one);
  const auto scaled = [&](V exponent) {
    return b.mul(x, b.op("Pow", {number_like(b, 2, x), b.op("Neg", {exponent})}));
  };
  const V guessed = b.op("Abs", {scaled(guess)});
  const V too_small = b.cast(b.op("GreaterOrEqual", {guessed, one}), DType::Float64);
  const V too_large = b.cast(b.op("Less", {guessed, number_like(b, 0.5, x)}), DType::Float64);
  const V exponent = b.sub(b.add(guess, too_small), too_large);
  return {b.cast(b.where(special, x, scaled(exponent)), c.out_dtype()),
          b.cast(b.where(special, number_like(b, 0, x), exponent), c.out_dtype(1))};
}

const Row kRows[] = {
    {"aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", frexp},
    {"aten::logit(Tensor self, float? eps=None) -> Tensor", logit},
    {"aten::special_logit(Tensor self, float? eps=None) -> Tensor", logit},
    {"aten::sinc(Tensor self) -> Tensor", sinc},
    {"aten::special_sinc(Tensor self) -> Tensor", sinc},
    {"aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor", xlogy},
    {"aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor", xlogy},
    {"aten::xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor", xlogy},
    {"aten::special_xlogy(Tensor self, Tensor other) -> Tensor", xlogy},
    {"aten::special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor", xlogy},
    {"aten::special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor", xlogy},
    {"aten::special_xlog1py(Tensor self, Tensor other) -> Tensor", xlog1py},
    {"aten::special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor", xlog1py},
    {"aten::special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor", xlog1py},
    {"aten::special_entr(Tensor self) -> Tensor", entr},
    {"aten::angle(Tensor self) -> Tensor", angle},
};

}  // namespace

Family special_rows() { return kRows; }

}  // namespace modelexport::lower
