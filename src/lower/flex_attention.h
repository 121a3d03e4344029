// torch.nn.attention.flex_attention, a higher-order call, as the calls that it stands for.
#pragma once

#include "program/program.h"

namespace modelexport::lower {

// Replaces each call by matmuls, a softmax, and its score and mask functions under vmap, which `unbatch` turns into
// calls on whole tensors. Run before inline_wrappers, which opens the functions' sub-graphs.
void write_out_flex_attention(program::Program& program);

}  // namespace modelexport::lower
