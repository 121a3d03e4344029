// Bessel functions of order 0 and 1: the polynomials of M. Abramowitz and I. Stegun, Handbook of Mathematical
// Functions, 1964, 9.4.1 to 9.4.6 (J, Y: absolute error below 5e-7) and 9.8.1 to 9.8.8 (I, K: relative error below
// 6e-7).
#include <cmath>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/normalize.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

V times(Builder& b, double factor, V x) { return b.mul(x, number_like(b, factor, x)); }
V square(Builder& b, V x) { return b.mul(x, x); }
V below(Builder& b, V x, double limit) { return b.op("Less", {x, number_like(b, limit, x)}); }
V over(Builder& b, double numerator, V x) { return b.div(number_like(b, numerator, x), x); }

// ---- I: modified, of the first kind, times exp(-|x|) ----

template <int Order>
V scaled_i(Builder& b, V x) {
  const V size = b.op("Abs", {x});
  const V t = square(b, times(b, 1 / 3.75, size));
  const V u = over(b, 3.75, size);
  V inner;
  V outer;
  if (Order == 0) {
    inner = polynomial(b, t, {1, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813});
    outer = polynomial(b, u,
                       {0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537,
                        -0.01647633, 0.00392377});
  } else {
    inner =
        b.mul(size, polynomial(b, t, {0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411}));
    outer = polynomial(b, u,
                       {0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312,
                        0.01787654, -0.00420059});
  }
  const V decayed = b.mul(inner, b.op("Exp", {b.op("Neg", {size})}));
  const V scaled = b.where(below(b, size, 3.75), decayed, b.div(outer, b.op("Sqrt", {size})));
  return Order == 0 ? scaled : b.mul(b.op("Sign", {x}), scaled);
}

template <int Order>
V modified_i(Builder& b, V x) {
  return b.mul(scaled_i<Order>(b, x), b.op("Exp", {b.op("Abs", {x})}));
}

// ---- K: modified, of the second kind, times exp(x) ----

template <int Order>
V scaled_k(Builder& b, V x) {
  const V half = times(b, 0.5, x);
  const V h = square(b, half);
  const V u = over(b, 2, x);
  const V log = b.op("Log", {half});
  V inner;
  V outer;
  if (Order == 0) {
    inner =
        b.sub(polynomial(b, h, {-0.57721566, 0.42278420, 0.23069756, 0.03488590, 0.00262698, 0.00010750, 0.00000740}),
              b.mul(log, modified_i<0>(b, x)));
    outer = polynomial(b, u, {1.25331414, -0.07832358, 0.02189568, -0.01062446, 0.00587872, -0.00251540, 0.00053208});
  } else {
    inner = b.add(
        b.div(polynomial(b, h, {1, 0.15443144, -0.67278579, -0.18156897, -0.01919402, -0.00110404, -0.00004686}), x),
        b.mul(log, modified_i<1>(b, x)));
    outer = polynomial(b, u, {1.25331414, 0.23498619, -0.03655620, 0.01504268, -0.00780353, 0.00325614, -0.00068245});
  }
  const V grown = b.mul(inner, b.op("Exp", {x}));
  const V scaled = b.where(below(b, x, 2), grown, b.div(outer, b.op("Sqrt", {x})));
  return b.where(b.op("Equal", {x, number_like(b, 0, x)}), number_like(b, kInfinity, x), scaled);
}

template <int Order>
V modified_k(Builder& b, V x) {
  return b.mul(scaled_k<Order>(b, x), b.op("Exp", {b.op("Neg", {x})}));
}

// ---- J and Y: of the first and second kind ----

// For x >= 3 both are a wave: amplitude(3/x) / sqrt x times the cosine, or sine, of x + phase(3/x).
template <int Order>
V wave(Builder& b, V x, const char* function) {
  const V u = over(b, 3, x);
  V amplitude;
  V phase;
  if (Order == 0) {
    amplitude =
        polynomial(b, u, {0.79788456, -0.00000077, -0.00552740, -0.00009512, 0.00137237, -0.00072805, 0.00014476});
    phase = polynomial(b, u, {-0.78539816, -0.04166397, -0.00003954, 0.00262573, -0.00054125, -0.00029333, 0.00013558});
  } else {
    amplitude =
        polynomial(b, u, {0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033});
    phase = polynomial(b, u, {-2.35619449, 0.12499612, 0.00005650, -0.00637879, 0.00074348, 0.00079824, -0.00029166});
  }
  return b.div(b.mul(amplitude, b.op(function, {b.add(x, phase)})), b.op("Sqrt", {x}));
}

template <int Order>
V inner_j(Builder& b, V x) {
  const V t = square(b, times(b, 1.0 / 3, x));
  if (Order == 0) {
    return polynomial(b, t, {1, -2.2499997, 1.2656208, -0.3163866, 0.0444479, -0.0039444, 0.0002100});
  }
  return b.mul(x, polynomial(b, t, {0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109}));
}

template <int Order>
V bessel_j(Builder& b, V x) {
  const V size = b.op("Abs", {x});
  const V value = b.where(below(b, size, 3), inner_j<Order>(b, size), wave<Order>(b, size, "Cos"));
  return Order == 0 ? value : b.mul(b.op("Sign", {x}), value);
}

// NaN below zero.
template <int Order>
V bessel_y(Builder& b, V x) {
  const V t = square(b, times(b, 1.0 / 3, x));
  const V log = times(b, M_2_PI, b.mul(b.op("Log", {times(b, 0.5, x)}), inner_j<Order>(b, x)));
  const V rest =
      Order == 0
          ? polynomial(b, t, {0.36746691, 0.60559366, -0.74350384, 0.25300117, -0.04261214, 0.00427916, -0.00024846})
          : b.div(polynomial(b, t, {-0.6366198, 0.2212091, 2.1682709, -1.3164827, 0.3123951, -0.0400976, 0.0027873}),
                  x);
  const V value = b.where(below(b, x, 3), b.add(log, rest), wave<Order>(b, x, "Sin"));
  return b.where(b.op("Equal", {x, number_like(b, 0, x)}), number_like(b, -kInfinity, x), value);
}

V spherical_j0(Builder& b, V x) {
  const V value = b.where(b.op("IsInf", {x}), number_like(b, 0, x), b.div(b.op("Sin", {x}), x));
  return b.where(b.op("Equal", {x, number_like(b, 0, x)}), number_like(b, 1, x), value);
}

template <V (*F)(Builder&, V)>
Values in_single(Context& c) {
  const char* name = c.node.find("self") != nullptr ? "self" : "x";
  return {c.b.cast(F(c.b, c.operand(name, accumulation_type(c.out_dtype()))), c.out_dtype())};
}

const Row kRows[] = {
    {"aten::i0(Tensor self) -> Tensor", in_single<modified_i<0>>},
    {"aten::special_i0(Tensor self) -> Tensor", in_single<modified_i<0>>},
    {"aten::special_i1(Tensor self) -> Tensor", in_single<modified_i<1>>},
    {"aten::special_i0e(Tensor self) -> Tensor", in_single<scaled_i<0>>},
    {"aten::special_i1e(Tensor self) -> Tensor", in_single<scaled_i<1>>},
    {"aten::special_modified_bessel_i0(Tensor self) -> Tensor", in_single<modified_i<0>>},
    {"aten::special_modified_bessel_i1(Tensor self) -> Tensor", in_single<modified_i<1>>},
    {"aten::special_modified_bessel_k0(Tensor self) -> Tensor", in_single<modified_k<0>>},
    {"aten::special_modified_bessel_k1(Tensor self) -> Tensor", in_single<modified_k<1>>},
    {"aten::special_scaled_modified_bessel_k0(Tensor x) -> Tensor", in_single<scaled_k<0>>},
    {"aten::special_scaled_modified_bessel_k1(Tensor x) -> Tensor", in_single<scaled_k<1>>},
    {"aten::special_bessel_j0(Tensor self) -> Tensor", in_single<bessel_j<0>>},
    {"aten::special_bessel_j1(Tensor self) -> Tensor", in_single<bessel_j<1>>},
    {"aten::special_bessel_y0(Tensor self) -> Tensor", in_single<bessel_y<0>>},
    {"aten::special_bessel_y1(Tensor self) -> Tensor", in_single<bessel_y<1>>},
    {"aten::special_spherical_bessel_j0(Tensor x) -> Tensor", in_single<spherical_j0>},
    {"aten::i0_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::i0.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_i0.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_i1.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_i0e.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::special_i1e.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family bessel_rows() { return kRows; }

}  // namespace modelexport::lower
