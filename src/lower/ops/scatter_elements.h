// Writing elements at given positions, in the form that the opset has: ScatterElements and ScatterND reduce from
// opset 16, with max and min from 18; before, every target is compared with every position.
#pragma once

#include "lower/ops/indexing.h"

namespace modelexport::lower {

enum class Reduction { None, Add, Mul, Max, Min };

// The element that changes nothing: 0, 1, the lowest or the highest value of the type.
V neutral_element(Builder& b, Reduction reduction, DType dtype);

// x[.., index[.., i, ..], ..] = updates[.., i, ..] along `axis`, for all of rank >= 1.
struct Scatter {
  V x;
  Dims sizes;
  V index;
  Dims index_sizes;  // and of the updates
  V updates;
  int64_t axis = 0;
};
V scatter_elements(Context& c, const Scatter& scatter, Reduction reduction);

// x[positions] = updates, or += when adding; the picked axes of x come first. Updates have the sizes of the positions,
// then those of the other axes.
V scatter_nd(Context& c, V x, const Dims& sizes, const Positions& positions, V updates, bool add);

}  // namespace modelexport::lower
