// The gamma function's logarithm and what is made of it, in double precision.
//
// Lanczos' approximation (SIAM J. Numer. Anal. B 1, 1964) with the coefficients of P. Godfrey (2001) for g = 7:
//   ln gamma(z + 1) = ln(2 pi)/2 + (z + 1/2) ln t - t + ln s,  t = z + g + 1/2,  s = c0 + sum c_k / (z + k)
// with a relative error of 1e-15 for z >= -1/2, and the reflection formulas for the rest.
#include <cmath>

#include "lower/ops/creation.h"
#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

constexpr double kG = 7;
constexpr double kConstant = 0.99999999999980993;
constexpr double kCoefficients[] = {676.5203681218851,     -1259.1392167224028,  771.32342877765313,
                                    -176.61502916214059,   12.507343278686905,   -0.13857109526572012,
                                    9.9843695780195716e-6, 1.5056327351493116e-7};

V doubles(Builder& b, const std::vector<double>& values) {
  return constant_of(b, values, DType::Float64, {static_cast<int64_t>(values.size())});
}

// The terms c_k / (z + k) along a new last axis, and 1 / (z + k).
struct Series {
  V terms;
  V inverses;
  V sum;  // c0 and the terms
};

Series series(Builder& b, V z) {
  const int64_t last = *b.rank(z);
  std::vector<double> steps;
  for (std::size_t k = 1; k <= std::size(kCoefficients); ++k) steps.push_back(static_cast<double>(k));
  const V inverses = b.op("Reciprocal", {b.add(b.unsqueeze(z, {last}), doubles(b, steps))});
  const V terms = b.mul(inverses, doubles(b, {std::begin(kCoefficients), std::end(kCoefficients)}));
  return {terms, inverses, b.add(b.reduce("ReduceSum", terms, {last}, false), number_like(b, kConstant, z))};
}

// The argument of the series: of two points that reflect each other at 1/2, the upper one less 1.
struct Reflection {
  V reflected;  // x < 1/2
  V z;
  V angle;  // pi times the distance of x to the nearest integer, exactly 0 there
};

Reflection reflect(Builder& b, V x) {
  const V one = number_like(b, 1, x);
  const V reflected = b.op("Less", {x, number_like(b, 0.5, x)});
  const V distance = b.sub(x, b.op("Round", {x}));
  return {reflected, b.sub(b.where(reflected, b.sub(one, x), x), one), b.mul(distance, number_like(b, M_PI, x))};
}

V log_gamma(Builder& b, V x) {
  const Reflection at = reflect(b, x);
  const V t = b.add(at.z, number_like(b, kG + 0.5, x));
  const V power = b.mul(b.add(at.z, number_like(b, 0.5, x)), b.op("Log", {t}));
  const V scale = b.add(b.op("Log", {series(b, at.z).sum}), number_like(b, 0.5 * std::log(2 * M_PI), x));
  const V upper = b.add(b.sub(power, t), scale);
  const V sine = b.op("Abs", {b.op("Sin", {at.angle})});
  const V lower = b.sub(b.op("Log", {b.div(number_like(b, M_PI, x), sine)}), upper);
  const V finite = b.where(at.reflected, lower, upper);
  return b.where(b.op("IsInf", {x}), b.op("Abs", {x}), finite);
}

// The derivative of log_gamma: psi(1 - x) - psi(x) = pi / tan(pi x). At negative integers torch says NaN, at 0 the
// infinity of the side.
V digamma(Builder& b, V x) {
  const Reflection at = reflect(b, x);
  const V t = b.add(at.z, number_like(b, kG + 0.5, x));
  const Series s = series(b, at.z);
  const V slope = b.reduce("ReduceSum", b.mul(s.terms, s.inverses), {*b.rank(x)}, false);
  const V decline = b.add(b.div(number_like(b, kG, x), t), b.div(slope, s.sum));
  const V upper = b.sub(b.op("Log", {t}), decline);
  // The angle of -0.0 has lost its sign.
  const V zero = b.op("Equal", {x, number_like(b, 0, x)});
  const V cotangent = b.op("Reciprocal", {b.op("Tan", {at.angle})});
  const V pole = b.where(zero, b.op("Reciprocal", {x}), cotangent);
  const V lower = b.sub(upper, b.mul(pole, number_like(b, M_PI, x)));
  const V is_pole = b.op("And", {is_negative(b, x), b.op("Equal", {at.angle, number_like(b, 0, x)})});
  return b.where(is_pole, number_like(b, std::nan(""), x), b.where(at.reflected, lower, upper));
}

template <V (*F)(Builder&, V)>
Values in_double(Context& c) {
  return {c.b.cast(F(c.b, c.operand("self", DType::Float64)), c.out_dtype())};
}

// p (p - 1) / 4 ln pi + the sum of ln gamma(x - j / 2) for j < p.
Values multivariate(Context& c) {
  const int64_t p = c.integer("p");
  std::vector<double> offsets;
  for (int64_t j = 0; j < p; ++j) offsets.push_back(-0.5 * static_cast<double>(j));
  const int64_t last = c.rank("self");
  const V points = c.b.add(c.b.unsqueeze(c.operand("self", DType::Float64), {last}), doubles(c.b, offsets));
  const V sum = c.b.reduce("ReduceSum", log_gamma(c.b, points), {last}, false);
  const double constant = 0.25 * static_cast<double>(p * (p - 1)) * std::log(M_PI);
  return {c.b.cast(c.b.add(sum, number_like(c.b, constant, sum)), c.out_dtype())};
}

const Row kRows[] = {
    {"aten::lgamma(Tensor self) -> Tensor", in_double<log_gamma>},
    {"aten::special_gammaln(Tensor self) -> Tensor", in_double<log_gamma>},
    {"aten::digamma(Tensor self) -> Tensor", in_double<digamma>},
    {"aten::special_digamma(Tensor self) -> Tensor", in_double<digamma>},
    {"aten::special_psi(Tensor self) -> Tensor", in_double<digamma>},
    {"aten::mvlgamma(Tensor self, int p) -> Tensor", multivariate},
    {"aten::special_multigammaln(Tensor self, int p) -> Tensor", multivariate},
    {"aten::lgamma_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::lgamma.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_gammaln.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::digamma_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::digamma.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_digamma.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_psi.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::mvlgamma_(Tensor(a!) self, int p) -> Tensor(a!)", kViaFunctional},
    {"aten::mvlgamma.out(Tensor self, int p, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_multigammaln.out(Tensor self, int p, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family gamma_rows() { return kRows; }

}  // namespace modelexport::lower
