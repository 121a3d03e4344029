// Arithmetic and functions of complex numbers in real ONNX operators. Sizes broadcast.
#pragma once

#include "lower/context.h"

namespace modelexport::lower {

Complex add(Builder& b, const Complex& z, const Complex& w);
Complex sub(Builder& b, const Complex& z, const Complex& w);
Complex mul(Builder& b, const Complex& z, const Complex& w);
Complex div(Builder& b, const Complex& z, const Complex& w);
Complex neg(Builder& b, const Complex& z);
Complex conj(Builder& b, const Complex& z);
Complex times_i(Builder& b, const Complex& z);
Complex scaled(Builder& b, const Complex& z, double factor);

V magnitude(Builder& b, const Complex& z);  // |z|
V angle(Builder& b, const Complex& z);      // in (-pi, pi]
Complex polar(Builder& b, V magnitude, V angle);

Complex exp(Builder& b, const Complex& z);
Complex log(Builder& b, const Complex& z);
Complex sqrt(Builder& b, const Complex& z);
Complex sin(Builder& b, const Complex& z);
Complex cos(Builder& b, const Complex& z);
Complex sinh(Builder& b, const Complex& z);
Complex cosh(Builder& b, const Complex& z);

// The imaginary part, made where it is zero.
V imaginary(Builder& b, const Complex& z);
// From and to pairs of real numbers along the last axis, which is `axis`.
Complex parts_of_pairs(Builder& b, V pairs, int64_t axis);
V pairs_of_parts(Builder& b, const Complex& z, int64_t axis);
// As the results of a lowering, in the sizes that torch recorded.
Values results(Context& c, const Complex& z);

}  // namespace modelexport::lower
