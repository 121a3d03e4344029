// The error function, the normal distribution, and their inverses.
#include <cmath>

#include "lower/ops/elementwise.h"
#include "lower/ops/normalize.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

template <V (*F)(Builder&, V)>
Values in_single(Context& c) {
  return {c.b.cast(F(c.b, c.operand("self", accumulation_type(c.out_dtype()))), c.out_dtype())};
}

V times(Builder& b, double factor, V x) { return b.mul(x, number_like(b, factor, x)); }

V erfc(Builder& b, V x) { return b.sub(number_like(b, 1, x), b.op("Erf", {x})); }

// Half of erfc(-x / sqrt 2).
V ndtr(Builder& b, V x) { return times(b, 0.5, b.add(b.op("Erf", {times(b, M_SQRT1_2, x)}), number_like(b, 1, x))); }

// ln(erfc(x) exp(x^2)) for x >= 0: ln t + p(t), t = 1 / (1 + x / 2), with a relative error of erfc of 1.2e-7.
// W. Press et al., Numerical Recipes in C, 2nd edition, 6.2 (erfcc).
V log_scaled_erfc(Builder& b, V x) {
  const V one = number_like(b, 1, x);
  const V t = b.div(one, b.add(one, times(b, 0.5, x)));
  return b.add(b.op("Log", {t}), polynomial(b, t,
                                            {-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807,
                                             -1.13520398, 1.48851587, -0.82215223, 0.17087277}));
}

V erfcx(Builder& b, V x) {
  const V right = b.op("Exp", {log_scaled_erfc(b, b.op("Abs", {x}))});
  const V left = b.sub(times(b, 2, b.op("Exp", {b.mul(x, x)})), right);
  return b.where(is_negative(b, x), left, right);
}

V log_ndtr(Builder& b, V x) {
  const V distance = times(b, M_SQRT1_2, b.op("Abs", {x}));
  const V log_erfc = b.sub(log_scaled_erfc(b, distance), b.mul(distance, distance));
  const V left = b.sub(log_erfc, number_like(b, M_LN2, x));
  const V right = log1p(b, times(b, -0.5, b.op("Exp", {log_erfc})));
  return b.where(is_negative(b, x), left, right);
}

V ratio(Builder& b, V x, std::initializer_list<double> above, std::initializer_list<double> below) {
  return b.div(polynomial(b, x, above), polynomial(b, x, below));
}

// The number that a normal variable stays below with probability 1/2 + q; `tail` is 1/2 - |q|. The error is about
// 1e-7 of the result: M. Wichura, Algorithm AS 241 (PPND7), Applied Statistics 37, 1988.
V quantile(Builder& b, V q, V tail) {
  const V inner = b.sub(number_like(b, 0.180625, q), b.mul(q, q));
  const V central = b.mul(q, ratio(b, inner, {3.3871327179, 50.434271938, 159.29113202, 59.109374720},
                                   {1, 17.895169469, 78.757757664, 67.187563600}));
  const V r = b.op("Sqrt", {b.op("Neg", {b.op("Log", {tail})})});
  const V near = ratio(b, b.sub(r, number_like(b, 1.6, r)), {1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103},
                       {1, 0.73700164250, 0.12021132975});
  const V far = ratio(b, b.sub(r, number_like(b, 5, r)), {6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997},
                      {1, 0.24197894225, 0.012258202635});
  const V finite = b.where(b.op("LessOrEqual", {r, number_like(b, 5, r)}), near, far);
  const V outer = b.mul(b.op("Sign", {q}), b.where(b.op("IsInf", {r}), r, finite));
  return b.where(b.op("LessOrEqual", {b.op("Abs", {q}), number_like(b, 0.425, q)}), central, outer);
}

V erfinv(Builder& b, V x) {
  const V tail = b.sub(number_like(b, 0.5, x), times(b, 0.5, b.op("Abs", {x})));
  return times(b, M_SQRT1_2, quantile(b, times(b, 0.5, x), tail));
}

V ndtri(Builder& b, V p) {
  const V tail = b.op("Min", {p, b.sub(number_like(b, 1, p), p)});
  return quantile(b, b.sub(p, number_like(b, 0.5, p)), tail);
}

const Row kRows[] = {
    {"aten::erfc(Tensor self) -> Tensor", in_single<erfc>},
    {"aten::special_erfc(Tensor self) -> Tensor", in_single<erfc>},
    {"aten::special_erfcx(Tensor self) -> Tensor", in_single<erfcx>},
    {"aten::special_ndtr(Tensor self) -> Tensor", in_single<ndtr>},
    {"aten::special_log_ndtr(Tensor self) -> Tensor", in_single<log_ndtr>},
    {"aten::special_ndtri(Tensor self) -> Tensor", in_single<ndtri>},
    {"aten::erfinv(Tensor self) -> Tensor", in_single<erfinv>},
    {"aten::special_erfinv(Tensor self) -> Tensor", in_single<erfinv>},
    {"aten::special_erfcx.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_log_ndtr.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_ndtri.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::erfinv_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::erfinv.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_erfinv.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family error_function_rows() { return kRows; }

}  // namespace modelexport::lower
