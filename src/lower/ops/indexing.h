// What x[i, :, j] and x[i, :, j] = v have in common: which axes the index tensors pick from, and the index tensors
// as one list of positions, ready for GatherND and ScatterND.
#pragma once

#include <cstdint>
#include <vector>

#include "lower/ops/layout.h"

namespace modelexport::lower {

// One entry of an index list that is not None. A mask of rank k picks from k axes at once.
struct Index {
  int64_t axis = 0;    // the first axis of self that it picks from
  int64_t n_axes = 1;  // a rank-0 mask has none
  bool is_mask = false;
  V value;
  Dims sizes;  // as recorded
};
std::vector<Index> parse_indices(Context& c);
// The positions moved into the range of their axes: those of the "unsafe masked" calls may lie outside.
void clamp(Context& c, std::vector<Index>& indices);

// The axes that are picked from, and where the picked elements go in the result of x[...].
struct IndexedAxes {
  std::vector<int64_t> axes;
  std::vector<int64_t> others;
  bool neighbours = false;
  int64_t place = 0;  // of the index tensors' axes in the result: the first picked axis when all are neighbours

  IndexedAxes(const std::vector<Index>& indices, int64_t rank);
  // Puts the picked axes of x first.
  [[nodiscard]] std::vector<int64_t> picked_first() const;
  // Moves the `index_rank` leading axes of the picked elements to their place.
  [[nodiscard]] std::vector<int64_t> to_place(int64_t index_rank) const;
};

// The index tensors broadcast together: int64[..., n_axes], `rank` being that of "...".
struct Positions {
  V value;
  int64_t rank = 1;
  int64_t n_axes = 1;
};
Positions stack_positions(Context& c, const std::vector<Index>& indices);

// A mask over k neighbouring axes as a mask over those axes merged into one; x likewise.
V merge_mask(Builder& b, const Index& mask);
V merge_masked_axes(Context& c, V x, const Dims& sizes, const Index& mask);

}  // namespace modelexport::lower
