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

}  // namespace modelexport::lower
