// Writing through a view: what a functionalised x[:, i] = v becomes.
#pragma once

#include "lower/ops/layout.h"

namespace modelexport::lower {

Values lower_select_scatter(Context& c);
Values lower_slice_scatter(Context& c);
Values lower_fill_diagonal(Context& c);

}  // namespace modelexport::lower
