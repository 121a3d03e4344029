#include "lower/kernel_gaps.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace modelexport::lower {
namespace {

constexpr uint32_t types(std::initializer_list<DType> dtypes) {
  uint32_t bits = 0;
  for (const DType dtype : dtypes) bits |= 1U << static_cast<unsigned>(dtype);
  return bits;
}

// In opsets first_opset..last_opset, inputs of the types `missing` are to be computed in `compute`.
struct Gap {
  std::string_view op_type;
  uint32_t inputs;  // bit i: input number i
  int64_t first_opset;
  int64_t last_opset;
  DType compute;
  uint32_t missing;

  friend bool operator<(const Gap& gap, std::string_view op_type) { return gap.op_type < op_type; }
};

using enum DType;
// Sorted by op_type.
constexpr Gap kGaps[] = {
// clang-format off
#include "lower/kernel_gaps_table.inc"
    // clang-format on
};

}  // namespace

std::optional<DType> compute_type(std::string_view op_type, std::size_t input, DType dtype, int64_t opset) {
  const uint32_t type_bit = types({dtype});
  const uint32_t input_bit = 1U << std::min<std::size_t>(input, 31);
  for (const Gap* gap = std::lower_bound(std::begin(kGaps), std::end(kGaps), op_type);
       gap != std::end(kGaps) && gap->op_type == op_type; ++gap) {
    const bool in_span = gap->first_opset <= opset && opset <= gap->last_opset;
    if (in_span && (gap->inputs & input_bit) != 0 && (gap->missing & type_bit) != 0) return gap->compute;
  }
  return std::nullopt;
}

}  // namespace modelexport::lower
