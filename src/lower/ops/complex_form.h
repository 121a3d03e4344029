// What operators become on complex numbers. ONNX has none: inside a graph a complex tensor is two real ones, its real
// and its imaginary part; only where it enters or leaves the model is it one, with pairs along a last axis.
#pragma once

#include "lower/op_table.h"

namespace modelexport::lower {

// Some argument or result of the call is complex.
[[nodiscard]] bool computes_with_complex(const program::Graph& graph, const program::Node& node);

// Lowers such a call; `real` is its lowering for real numbers. Of a complex result the imaginary part follows the real
// one. Refuses operators whose form on complex numbers is not known.
[[nodiscard]] Values lower_complex(Context& c, Lowering real);

}  // namespace modelexport::lower
