// Padding: by a constant, by reflection, by the edge, or around.
#pragma once

#include "lower/ops/layout.h"

namespace modelexport::lower {

Values lower_pad(Context& c);
Values lower_constant_pad(Context& c);
Values lower_reflection_pad(Context& c);
Values lower_replication_pad(Context& c);
Values lower_circular_pad(Context& c);
Values lower_pad_sequence(Context& c);

}  // namespace modelexport::lower
