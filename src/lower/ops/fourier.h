// Discrete Fourier transforms: X[k] = sum over j of x[j] * exp(-2 pi i j k / n).
#pragma once

#include <vector>

#include "lower/context.h"

namespace modelexport::lower {

// Along each of `axes`; the inverse transform divides by the number of elements. ONNX DFT where the opset has it, else
// products with matrices.
Complex transformed(Builder& b, Complex z, const std::vector<int64_t>& axes, bool inverse);
// The first n / 2 + 1 entries of the transform of a real tensor; the others follow from them.
Complex transformed_one_sided(Builder& b, V x, int64_t axis);

// cos and sin of 2 pi j k / n for j < rows and k < columns, row by row. j * k is taken modulo n: the angles are exact.
struct WaveTable {
  std::vector<double> cosines;
  std::vector<double> sines;
};
WaveTable wave_table(int64_t rows, int64_t columns, int64_t n);

// Cut, or filled up with zeros, to `size` along `axis`. Nothing stays nothing.
V resized(Builder& b, V x, int64_t axis, const Size& size);

}  // namespace modelexport::lower
