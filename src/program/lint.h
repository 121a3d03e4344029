// What every Program must satisfy, whichever reader built it.
#pragma once

#include "program/program.h"

namespace modelexport::program {

// Throws Error (Internal) naming the graph and the call: ids in range, values defined once and before they are used,
// arguments as the schema names them, sub-graphs and scopes that exist.
void lint(const Program& program);

}  // namespace modelexport::program
