// p-norms, shared by the families that measure lengths.
#pragma once

#include "lower/builder.h"

namespace modelexport::lower {

// (sum |x|^p)^(1/p) over `axes` (none: all), with p = 0, inf and -inf as torch.linalg.vector_norm has them.
V vector_norm(Builder& b, V x, double p, const std::vector<int64_t>& axes, bool keepdims);

}  // namespace modelexport::lower
