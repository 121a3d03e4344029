// torch.vmap as captured: calls recorded with the sizes of one example become calls on whole batches.
#pragma once

#include "program/program.h"

namespace modelexport::lower {

// Replaces vmap's helpers (_add_batch_dim, _remove_batch_dim, ...) by views, lets the element-wise and indexing calls
// between them broadcast over the batches, and maps any other call over the examples. Programs without vmap are only
// looked through. Throws Error (UnsupportedOperator) for a call that writes in place or is no ATen operator.
void unbatch(program::Program& program);

}  // namespace modelexport::lower
