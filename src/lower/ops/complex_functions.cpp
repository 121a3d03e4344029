#include "lower/ops/complex_functions.h"

#include <cmath>
#include <unordered_map>

#include "lower/ops/complex_math.h"
#include "lower/ops/elementwise.h"

namespace modelexport::lower {

namespace {

Complex operand(Context& c, std::string_view name) { return c.complex(name, c.out_dtype()); }
Complex one(Context& c) { return {c.b.scalar(1, c.out_dtype()), {}}; }

// ---- arithmetic

// `alpha` or `value` times z, where 1 leaves no trace.
Complex times(Context& c, std::string_view factor, const Complex& z) {
  return is_constant(c, factor, 1) ? z : mul(c.b, z, operand(c, factor));
}

Values add_alpha(Context& c) {
  return results(c, add(c.b, operand(c, "self"), times(c, "alpha", operand(c, "other"))));
}
Values sub_alpha(Context& c) {
  return results(c, sub(c.b, operand(c, "self"), times(c, "alpha", operand(c, "other"))));
}
Values rsub_alpha(Context& c) {
  return results(c, sub(c.b, operand(c, "other"), times(c, "alpha", operand(c, "self"))));
}
template <Complex (*F)(Builder&, const Complex&, const Complex&)>
Values binary_of(Context& c) {
  return results(c, F(c.b, operand(c, "self"), operand(c, "other")));
}
Values addcmul(Context& c) {
  const Complex product = mul(c.b, operand(c, "tensor1"), operand(c, "tensor2"));
  return results(c, add(c.b, operand(c, "self"), times(c, "value", product)));
}
Values addcdiv(Context& c) {
  const Complex quotient = div(c.b, operand(c, "tensor1"), operand(c, "tensor2"));
  return results(c, add(c.b, operand(c, "self"), times(c, "value", quotient)));
}
Values lerp(Context& c) {
  const Complex self = operand(c, "self");
  return results(c, add(c.b, self, mul(c.b, operand(c, "weight"), sub(c.b, operand(c, "end"), self))));
}

// ---- powers

std::optional<int64_t> small_exponent(const Context& c) {
  for (int64_t n : {0, 1, 2, 3, 4, -1, -2}) {
    if (is_constant(c, "exponent", static_cast<double>(n))) return n;
  }
  return std::nullopt;
}

Complex repeated(Builder& b, const Complex& z, int64_t times) {
  Complex product = z;
  for (int64_t i = 1; i < times; ++i) product = mul(b, product, z);
  return product;
}

// z^w = exp(w log z), and 0^w = 0 where w is not.
Values power(Context& c) {
  Builder& b = c.b;
  const Complex base = operand(c, "self");
  if (const auto n = small_exponent(c)) {
    if (*n == 0) return results(c, one(c));
    const Complex product = repeated(b, base, std::abs(*n));
    return results(c, *n > 0 ? product : div(b, one(c), product));
  }
  if (is_constant(c, "exponent", 0.5)) return results(c, sqrt(b, base));
  const Complex exponent = operand(c, "exponent");
  const V zero = c.b.scalar(0, c.out_dtype());
  const V size = magnitude(b, base);
  const V base_is_zero = b.op("Equal", {size, zero});
  const Complex safe{b.where(base_is_zero, c.b.scalar(1, c.out_dtype()), base.re), base.im};
  const Complex general = exp(b, mul(b, exponent, log(b, safe)));
  const V of_zero = b.cast(b.op("Equal", {magnitude(b, exponent), zero}), c.out_dtype());
  return results(c, {b.where(base_is_zero, of_zero, general.re), b.where(base_is_zero, zero, imaginary(b, general))});
}

// ---- functions of one number

template <Complex (*F)(Builder&, const Complex&)>
Values function(Context& c) {
  return results(c, F(c.b, operand(c, "self")));
}

Complex number(Builder& b, double value, const Complex& like) { return {number_like(b, value, like.re), {}}; }
Complex plus(Builder& b, const Complex& z, double value) { return add(b, z, number(b, value, z)); }

Complex reciprocal(Builder& b, const Complex& z) { return div(b, number(b, 1, z), z); }
Complex square(Builder& b, const Complex& z) { return mul(b, z, z); }
Complex rsqrt(Builder& b, const Complex& z) { return reciprocal(b, sqrt(b, z)); }
Complex exp2(Builder& b, const Complex& z) { return exp(b, scaled(b, z, M_LN2)); }
Complex expm1(Builder& b, const Complex& z) { return plus(b, exp(b, z), -1); }
Complex log2(Builder& b, const Complex& z) { return scaled(b, log(b, z), 1 / M_LN2); }
Complex log10(Builder& b, const Complex& z) { return scaled(b, log(b, z), 1 / M_LN10); }
Complex log1p(Builder& b, const Complex& z) { return log(b, plus(b, z, 1)); }

// tanh(x + iy) = (tanh x + i sin y cos y / cosh^2 x) / (tanh^2 x + cos^2 y / cosh^2 x), where nothing overflows that is
// not divided by.
Complex tanh(Builder& b, const Complex& z) {
  const V x = b.op("Tanh", {z.re});
  const V flatness = b.op("Reciprocal", {square(b, {b.op("Cosh", {z.re}), {}}).re});
  const V cos = b.op("Cos", {imaginary(b, z)});
  const V sin = b.op("Sin", {imaginary(b, z)});
  const V size = b.add(b.mul(x, x), b.mul(b.mul(cos, cos), flatness));
  return {b.div(x, size), b.div(b.mul(b.mul(sin, cos), flatness), size)};
}
Complex tan(Builder& b, const Complex& z) { return neg(b, times_i(b, tanh(b, times_i(b, z)))); }

// 1 / (1 + exp(-z)), or exp(z) / (1 + exp(z)) in the left half of the plane: the exponential is never large.
Complex sigmoid(Builder& b, const Complex& z) {
  const V left = is_negative(b, z.re);
  const Complex small =
      exp(b, {b.op("Neg", {b.op("Abs", {z.re})}), b.where(left, imaginary(b, z), imaginary(b, neg(b, z)))});
  const Complex above{b.where(left, small.re, number_like(b, 1, z.re)),
                      b.where(left, small.im, number_like(b, 0, z.re))};
  return div(b, above, plus(b, small, 1));
}
Complex silu(Builder& b, const Complex& z) { return mul(b, z, sigmoid(b, z)); }

// log(z + sqrt(z^2 + 1)), which cancels in the left half of the plane, where it is -asinh(-z); the others follow from
// it by turning.
Complex asinh(Builder& b, const Complex& z) {
  const V sign = b.where(sign_bit(b, z.re), number_like(b, -1, z.re), number_like(b, 1, z.re));
  const Complex right = mul(b, z, {sign, {}});
  return mul(b, log(b, add(b, right, sqrt(b, plus(b, square(b, right), 1)))), {sign, {}});
}
Complex asin(Builder& b, const Complex& z) { return neg(b, times_i(b, asinh(b, times_i(b, z)))); }
Complex acos(Builder& b, const Complex& z) { return plus(b, neg(b, asin(b, z)), M_PI_2); }
Complex acosh(Builder& b, const Complex& z) {
  return log(b, add(b, z, mul(b, sqrt(b, plus(b, z, 1)), sqrt(b, plus(b, z, -1)))));
}
Complex atanh(Builder& b, const Complex& z) {
  return scaled(b, sub(b, log(b, plus(b, z, 1)), log(b, plus(b, neg(b, z), 1))), 0.5);
}
Complex atan(Builder& b, const Complex& z) { return neg(b, times_i(b, atanh(b, times_i(b, z)))); }

// z / |z|, and 0 for 0.
Complex sgn(Builder& b, const Complex& z) {
  const V size = magnitude(b, z);
  const V is_zero = b.op("Equal", {size, number_like(b, 0, size)});
  return div(b, z, {b.where(is_zero, number_like(b, 1, size), size), {}});
}

// sin(pi z) / (pi z), and 1 for 0.
Complex sinc(Builder& b, const Complex& z) {
  const V is_zero = b.op("Equal", {magnitude(b, z), number_like(b, 0, z.re)});
  const Complex turned = scaled(b, z, M_PI);
  const Complex safe{b.where(is_zero, number_like(b, 1, z.re), turned.re), turned.im};
  const Complex quotient = div(b, sin(b, turned), safe);
  return {b.where(is_zero, number_like(b, 1, z.re), quotient.re), quotient.im};
}

Values absolute(Context& c) { return {magnitude(c.b, operand(c, "self"))}; }
Values argument(Context& c) { return {angle(c.b, operand(c, "self"))}; }

// What the row for real tensors makes of both parts.
Complex by_parts(Context& c) {
  const Lowering real = find_op(c.node.target)->lower;
  Context re = c.seeing(Part::Real);
  Context im = c.seeing(Part::Imaginary);
  return {real(re).front(), real(im).front()};
}

// aten::mH, adjoint: conjugated, and the last two axes swapped.
Values conjugate_transpose(Context& c) {
  const Complex z = conj(c.b, by_parts(c));
  return {z.re, z.im};
}

// ---- conversions, constants, statistics

// To a real type the imaginary part is dropped; true is what is not zero.
Values convert(Context& c) {
  const DType dtype = c.out_dtype();
  if (dtype == DType::Bool) {
    const Complex z = c.complex("self", c.dtype("self"));
    return {c.b.cast(magnitude(c.b, z), dtype)};
  }
  const Complex z = c.complex("self", dtype);
  return is_complex(c.out().dtype) ? results(c, z) : Values{z.re};
}

Values ones(Context& c) { return results(c, one(c)); }

Values is_real(Context& c) {
  const V im = c.seeing(Part::Imaginary).tensor("self");
  return {c.b.op("Equal", {im, number_like(c.b, 0, im)})};
}

// The variance of complex numbers is the sum of the variances of their parts.
Values variance(Context& c) {
  const Complex of = by_parts(c);
  return {c.b.add(of.re, of.im)};
}

Values deviation(Context& c) { return {magnitude(c.b, by_parts(c))}; }

// Over one axis or all, by multiplying one half with the other until one number is left.
Values prod(Context& c) {
  Builder& b = c.b;
  Complex z = operand(c, "self");
  const bool all = c.node.find("dim") == nullptr;
  if (all) z = {b.reshape(z.re, {Size(-1)}), b.reshape(imaginary(b, z), {Size(-1)})};
  const int64_t axis = all ? 0 : c.axis("dim", "self");
  Size left = b.size_of(z.re, axis);
  if (!left.is_static()) c.unsupported("the product of a symbolic number of complex numbers");
  if (left.value == 0) return results(c, one(c));
  for (int64_t n = left.value; n > 1; n = n - n / 2) {
    const int64_t half = n / 2;
    const auto piece = [&](int64_t first, int64_t last) {
      return Complex{b.slice(z.re, axis, first, last), b.slice(z.im, axis, first, last)};
    };
    Complex product = mul(b, piece(0, half), piece(half, 2 * half));
    if (n % 2 == 1) {
      const Complex odd = piece(n - 1, n);
      product = {b.concat({product.re, odd.re}, axis), b.concat({product.im, odd.im}, axis)};
    }
    z = product;
  }
  const bool keep = !all && c.flag("keepdim");
  return keep || c.rank("self") == 0 ? results(c, z) : Values{b.squeeze(z.re, {axis}), b.squeeze(z.im, {axis})};
}

const std::unordered_map<std::string_view, Lowering>& functions() {
  static const std::unordered_map<std::string_view, Lowering> table = {
      {"add", add_alpha},
      {"sub", sub_alpha},
      {"subtract", sub_alpha},
      {"rsub", rsub_alpha},
      {"mul", binary_of<mul>},
      {"multiply", binary_of<mul>},
      {"div", binary_of<div>},
      {"divide", binary_of<div>},
      {"true_divide", binary_of<div>},
      {"addcmul", addcmul},
      {"addcdiv", addcdiv},
      {"lerp", lerp},
      {"pow", power},
      {"float_power", power},
      {"reciprocal", function<reciprocal>},
      {"square", function<square>},
      {"sqrt", function<sqrt>},
      {"rsqrt", function<rsqrt>},
      {"exp", function<exp>},
      {"exp2", function<exp2>},
      {"expm1", function<expm1>},
      {"log", function<log>},
      {"log2", function<log2>},
      {"log10", function<log10>},
      {"log1p", function<log1p>},
      {"sin", function<sin>},
      {"cos", function<cos>},
      {"tan", function<tan>},
      {"sinh", function<sinh>},
      {"cosh", function<cosh>},
      {"tanh", function<tanh>},
      {"asin", function<asin>},
      {"arcsin", function<asin>},
      {"acos", function<acos>},
      {"arccos", function<acos>},
      {"atan", function<atan>},
      {"arctan", function<atan>},
      {"asinh", function<asinh>},
      {"arcsinh", function<asinh>},
      {"acosh", function<acosh>},
      {"arccosh", function<acosh>},
      {"atanh", function<atanh>},
      {"arctanh", function<atanh>},
      {"sigmoid", function<sigmoid>},
      {"silu", function<silu>},
      {"sgn", function<sgn>},
      {"sinc", function<sinc>},
      {"abs", absolute},
      {"absolute", absolute},
      {"angle", argument},
      {"mH", conjugate_transpose},
      {"matrix_H", conjugate_transpose},
      {"adjoint", conjugate_transpose},
      {"to", convert},
      {"_to_copy", convert},
      {"type_as", convert},
      {"ones", ones},
      {"ones_like", ones},
      {"new_ones", ones},
      {"isreal", is_real},
      {"var", variance},
      {"std", deviation},
      {"prod", prod},
  };
  return table;
}

}  // namespace

Lowering complex_function(std::string_view name) {
  const auto found = functions().find(name);
  return found == functions().end() ? nullptr : found->second;
}

}  // namespace modelexport::lower
