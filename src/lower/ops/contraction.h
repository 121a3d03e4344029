// Sums of products over named axes, the common form of einsum, tensordot and their kin.
#pragma once

#include <string>

#include "lower/builder.h"

namespace modelexport::lower {

// A tensor with a letter for each of its axes. Axes of one letter broadcast.
struct Labelled {
  V tensor;
  std::string labels;
};

// Sums the product of `terms` over every label that `out` does not have; the result's axes are in the order of `out`.
// A MatMul where that says the same, else an Einsum.
V contract(Builder& b, const std::vector<Labelled>& terms, const std::string& out);

}  // namespace modelexport::lower
