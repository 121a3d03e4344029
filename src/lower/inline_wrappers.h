// Regions that torch wraps in a higher-order call (no_grad, autocast, checkpoint, ...) become part of the graph that
// holds them.
#pragma once

#include "program/program.h"

namespace modelexport::lower {

// Replaces each wrapper call by the calls of its sub-graph. Scopes stay as recorded; calls without a record take the
// wrapper's. In autocast regions the casts that autocast makes at run time are written out.
// Throws Error when a call and its sub-graph do not fit together.
void inline_wrappers(program::Program& program);

}  // namespace modelexport::lower
