// Views that pick elements by stride: as_strided, diagonal, unfold; and their scatters.
#pragma once

#include "lower/ops/layout.h"

namespace modelexport::lower {

Values lower_as_strided(Context& c);
Values lower_as_strided_scatter(Context& c);
Values lower_resize(Context& c);
Values lower_diagonal(Context& c);
Values lower_linalg_diagonal(Context& c);
Values lower_diagonal_scatter(Context& c);
Values lower_diag(Context& c);
Values lower_diagflat(Context& c);
Values lower_diag_embed(Context& c);
Values lower_unfold(Context& c);

}  // namespace modelexport::lower
