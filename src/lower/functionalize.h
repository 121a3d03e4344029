// In-place and view semantics become values: after this pass no call of the program writes to its arguments.
//
// A tensor of the program is a base or a view of another tensor through one view call. Writing to a view makes the
// base stale; the base is brought up to date (by select_scatter, slice_scatter, ... - lower/view_inverse.h) when it is
// read next, and other views are taken anew from it. What mutates and what views is said by the schemas' alias marks.
#pragma once

#include <string>
#include <vector>

#include "program/program.h"

namespace modelexport::lower {

struct FunctionalizeOptions {
  bool buffer_outputs = false;  // the new values of written buffers become outputs of kind BufferMutation
};

struct FunctionalizeReport {
  std::vector<std::string> mutated;  // names of the buffers, parameters and inputs that the program writes
};

// Linear in calls; a program without in-place calls is only looked through.
// In-place calls whose functional twin the op table lacks stay as they are, for the driver to report.
// Throws Error for writes that have no functional form: to overlapping memory, through a reinterpreting view, or to an
// input of a sub-graph.
FunctionalizeReport functionalize(program::Program& program, const FunctionalizeOptions& options);

}  // namespace modelexport::lower
