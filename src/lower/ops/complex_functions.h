// Lowerings on complex numbers of operators that do not treat both parts alike.
#pragma once

#include <string_view>

#include "lower/op_table.h"

namespace modelexport::lower {

// By the operator's name without overload ("mul"); null when there is none.
[[nodiscard]] Lowering complex_function(std::string_view name);

}  // namespace modelexport::lower
