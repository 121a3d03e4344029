// What the normalising lowerings share.
#pragma once

#include "lower/context.h"

namespace modelexport::lower {

// float16 and bfloat16 are normalised in float32, as torch does.
inline DType accumulation_type(DType dtype) {
  return dtype == DType::Float16 || dtype == DType::BFloat16 ? DType::Float32 : dtype;
}

// Of x over some axes, which stay as axes of size 1.
struct Moments {
  V mean;
  V variance;  // divided by the number of elements
  V centered;  // x - mean
};
Moments moments(Builder& b, V x, const std::vector<int64_t>& axes);

V inverse_deviation(Builder& b, V variance, double eps);

// (x - mean) / sqrt(variance + eps) over `axes`.
V normalize(Builder& b, V x, const std::vector<int64_t>& axes, double eps);

// The last `n` axes of a tensor of rank `rank`.
std::vector<int64_t> last_axes(int64_t rank, int64_t n);

// x * weight + bias, either of which may be empty.
V scale_and_shift(Builder& b, V x, V weight, V bias);

// A value per channel ([C]) shaped to broadcast against [N, C, ...] of rank `rank`; empty stays empty.
V per_channel(Builder& b, V channels, int64_t rank);

// An optional tensor argument in `dtype`; when it is None, `value` repeated to `sizes`.
V operand_or_full(Context& c, std::string_view name, DType dtype, double value, const Sizes& sizes);

}  // namespace modelexport::lower
