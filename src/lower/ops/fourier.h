// Discrete Fourier transforms: X[k] = sum over j of x[j] * exp(-2 pi i j k / n).
#pragma once

#include <vector>

#include "lower/context.h"

namespace modelexport::lower {

// Along each of `axes`; the inverse transform divides by the number of elements. ONNX DFT where the opset has it, else
// products with matrices.
Complex transformed(Builder& b, Complex z, const std::vector<int64_t>& axes, bool inverse);
// Of a real tensor: all entries of the transform, or the first n / 2 + 1, from which the others follow.
Complex transformed_real(Builder& b, V x, int64_t axis, bool one_sided);

// cos and -sin of 2 pi j k / n, inverse cos and sin, for j < rows and k < columns, row by row. j * k is taken modulo n:
// the angles are exact, and a sine that is zero is +0.
struct WaveTable {
  std::vector<double> cosines;
  std::vector<double> sines;
};
WaveTable wave_table(int64_t rows, int64_t columns, int64_t n, bool inverse);

// Cut, or filled up with zeros, to `size` along `axis`. Nothing stays nothing.
V resized(Builder& b, V x, int64_t axis, const Size& size);

}  // namespace modelexport::lower
