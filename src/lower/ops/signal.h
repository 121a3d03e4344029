// Transforms of the overlapping windows of a signal.
#pragma once

#include "lower/context.h"

namespace modelexport::lower {

Values stft(Context& c);   // aten::stft
Values istft(Context& c);  // aten::istft

}  // namespace modelexport::lower
