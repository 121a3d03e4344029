#include "lower/ops/complex_math.h"

#include <cmath>

#include "lower/ops/elementwise.h"

namespace modelexport::lower {

namespace {

// Sums and products in which an empty value is zero.
V sum(Builder& b, V x, V y) { return !x ? y : !y ? x : b.add(x, y); }
V product(Builder& b, V x, V y) { return x && y ? b.mul(x, y) : V{}; }
V negative(Builder& b, V x) { return x ? b.op("Neg", {x}) : x; }
V difference(Builder& b, V x, V y) { return !y ? x : !x ? negative(b, y) : b.sub(x, y); }

}  // namespace

Complex add(Builder& b, const Complex& z, const Complex& w) { return {sum(b, z.re, w.re), sum(b, z.im, w.im)}; }
Complex sub(Builder& b, const Complex& z, const Complex& w) {
  return {difference(b, z.re, w.re), difference(b, z.im, w.im)};
}

Complex mul(Builder& b, const Complex& z, const Complex& w) {
  return {difference(b, product(b, z.re, w.re), product(b, z.im, w.im)),
          sum(b, product(b, z.re, w.im), product(b, z.im, w.re))};
}

Complex div(Builder& b, const Complex& z, const Complex& w) {
  if (!w.im) return {b.div(z.re, w.re), z.im ? b.div(z.im, w.re) : V{}};
  const V size = sum(b, b.mul(w.re, w.re), b.mul(w.im, w.im));
  const Complex turned = mul(b, z, conj(b, w));
  return {b.div(turned.re, size), b.div(turned.im, size)};
}

Complex neg(Builder& b, const Complex& z) { return {negative(b, z.re), negative(b, z.im)}; }
Complex conj(Builder& b, const Complex& z) { return {z.re, negative(b, z.im)}; }
Complex times_i(Builder& b, const Complex& z) { return {negative(b, imaginary(b, z)), z.re}; }
Complex scaled(Builder& b, const Complex& z, double factor) {
  if (factor == 1) return z;
  const V number = number_like(b, factor, z.re);
  return {product(b, z.re, number), product(b, z.im, number)};
}

V magnitude(Builder& b, const Complex& z) {
  if (!z.im) return b.op("Abs", {z.re});
  return b.op("Sqrt", {b.add(b.mul(z.re, z.re), b.mul(z.im, z.im))});
}

V angle(Builder& b, const Complex& z) { return atan2(b, imaginary(b, z), z.re); }

Complex polar(Builder& b, V magnitude, V angle) {
  return {b.mul(magnitude, b.op("Cos", {angle})), b.mul(magnitude, b.op("Sin", {angle}))};
}

Complex exp(Builder& b, const Complex& z) {
  const V size = b.op("Exp", {z.re});
  return z.im ? polar(b, size, z.im) : Complex{size, {}};
}

Complex log(Builder& b, const Complex& z) { return {b.op("Log", {magnitude(b, z)}), angle(b, z)}; }

// The half of the plane decides which part the exact root t = sqrt((|z| + |x|) / 2) is; the other one is |y| / 2t.
Complex sqrt(Builder& b, const Complex& z) {
  const V im = imaginary(b, z);
  const V half = number_like(b, 0.5, z.re);
  const V root = b.op("Sqrt", {b.mul(b.add(magnitude(b, z), b.op("Abs", {z.re})), half)});
  const V is_zero = b.op("Equal", {root, number_like(b, 0, root)});
  const V rest = b.div(b.mul(b.op("Abs", {im}), half), b.where(is_zero, number_like(b, 1, root), root));
  const V left = is_negative(b, z.re);
  const V turn = b.where(left, root, rest);
  return {b.where(left, rest, root), b.where(sign_bit(b, im), b.op("Neg", {turn}), turn)};
}

Complex sin(Builder& b, const Complex& z) {
  const V im = imaginary(b, z);
  return {b.mul(b.op("Sin", {z.re}), b.op("Cosh", {im})), b.mul(b.op("Cos", {z.re}), b.op("Sinh", {im}))};
}

Complex cos(Builder& b, const Complex& z) {
  const V im = imaginary(b, z);
  return {b.mul(b.op("Cos", {z.re}), b.op("Cosh", {im})),
          b.op("Neg", {b.mul(b.op("Sin", {z.re}), b.op("Sinh", {im}))})};
}

Complex sinh(Builder& b, const Complex& z) {
  const V im = imaginary(b, z);
  return {b.mul(b.op("Sinh", {z.re}), b.op("Cos", {im})), b.mul(b.op("Cosh", {z.re}), b.op("Sin", {im}))};
}

Complex cosh(Builder& b, const Complex& z) {
  const V im = imaginary(b, z);
  return {b.mul(b.op("Cosh", {z.re}), b.op("Cos", {im})), b.mul(b.op("Sinh", {z.re}), b.op("Sin", {im}))};
}

V imaginary(Builder& b, const Complex& z) {
  if (z.im) return z.im;
  return b.op("Expand", {number_like(b, 0, z.re), b.shape_of(z.re)});
}

Complex parts_of_pairs(Builder& b, V pairs, int64_t axis) {
  return {b.gather(pairs, b.scalar_int(0), axis), b.gather(pairs, b.scalar_int(1), axis)};
}

V pairs_of_parts(Builder& b, const Complex& z, int64_t axis) {
  return b.concat({b.unsqueeze(z.re, {axis}), b.unsqueeze(z.im, {axis})}, axis);
}

Values results(Context& c, const Complex& z) {
  const V im = z.im ? z.im : number_like(c.b, 0, z.re);
  return {c.b.expand(z.re, c.out_sizes()), c.b.expand(im, c.out_sizes())};
}

}  // namespace modelexport::lower
