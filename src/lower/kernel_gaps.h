// Which operators onnxruntime's CPU provider has no kernel for in which element type, as measured by
// scripts/measure_kernel_gaps.py. Types that ONNX itself does not allow count as gaps too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "support/dtype.h"

namespace modelexport::lower {

// The type to cast input number `input` of `op_type` to before the node, its outputs being cast back after it;
// nothing when there is a kernel for `dtype`.
[[nodiscard]] std::optional<DType> compute_type(std::string_view op_type, std::size_t input, DType dtype,
                                                int64_t opset);

}  // namespace modelexport::lower
