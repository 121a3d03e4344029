// Context inheritance: calls for which the capture recorded no module stack take their scope from their neighbours.
#pragma once

#include <cstdint>

#include "program/program.h"

namespace modelexport::program {

struct InheritReport {
  uint64_t unrecorded = 0;  // calls without a record
  uint64_t inherited = 0;   // of those, what took a scope from its neighbours
  uint64_t fallback = 0;    // of those, what has none to take from
};

// A call without a record takes the nearest scope that holds all consumers of its results; when none of them has
// one, that of the producers of its arguments; in a sub-graph, when these have none either, that of the call which
// runs the sub-graph. Calls that none of these tells keep Provenance::Fallback. Linear in calls.
InheritReport inherit_scopes(Program& program);

// Gives calls with Provenance::Fallback to the root; with `refuse`, throws Error (ContextInheritance) that names them.
void fall_back(Program& program, bool refuse);

}  // namespace modelexport::program
