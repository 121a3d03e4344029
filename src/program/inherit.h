// Context inheritance: scopes for calls whose capture recorded no module stack.
#pragma once

#include <cstdint>

#include "program/program.h"

namespace modelexport::program {

struct InheritReport {
  uint64_t unrecorded = 0;  // calls without a record
  uint64_t inherited = 0;   // of those, what took a scope from its neighbours
  uint64_t fallback = 0;    // of those, what had none to take from and belongs to the root
};

// A call without a record takes the nearest common ancestor of the calls that read its results; where nobody with a
// scope does, that of the calls that made its operands. Linear in calls.
InheritReport inherit_scopes(Program& program);

}  // namespace modelexport::program
