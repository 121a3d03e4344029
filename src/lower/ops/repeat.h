// Repeating and rearranging along axes: repeat, tile, repeat_interleave, roll, flip, rot90.
#pragma once

#include "lower/ops/layout.h"

namespace modelexport::lower {

Values lower_repeat(Context& c);
Values lower_tile(Context& c);
Values lower_repeat_interleave(Context& c);
Values lower_repeat_interleave_tensor(Context& c);
Values lower_repeat_positions(Context& c);
Values lower_roll(Context& c);
Values lower_fftshift(Context& c);
Values lower_ifftshift(Context& c);
Values lower_flip(Context& c);
Values lower_fliplr(Context& c);
Values lower_flipud(Context& c);
Values lower_rot90(Context& c);

}  // namespace modelexport::lower
