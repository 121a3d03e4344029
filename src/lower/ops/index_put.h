// x[indices] = values, and the masked forms of it.
#pragma once

#include "lower/ops/scatter_elements.h"

namespace modelexport::lower {

Values lower_index_put(Context& c);
Values lower_unsafe_masked_index_put(Context& c);
Values lower_unsafe_masked_index_put(Context& c);
Values lower_put(Context& c);
Values lower_masked_fill(Context& c);
Values lower_masked_scatter(Context& c);
Values lower_masked_select(Context& c);
Values lower_where(Context& c);

}  // namespace modelexport::lower
