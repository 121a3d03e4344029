// Copying a strided box of elements into a dense row-major one, at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace modelexport {

// One dimension of a box: `stride` counts elements of the source.
struct StridedDim {
  int64_t size = 0;
  int64_t stride = 0;
};

// Leaves out dimensions of size 1 and joins neighbours that lie behind one another; the order of elements stays.
[[nodiscard]] std::vector<StridedDim> collapse(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides);

// Copies elements [first, first+count), counted in row-major order of `dims`, from `source` (the box's first
// element) to `out`. `element_size` is 1, 2, 4, 8 or 16 bytes.
void copy_strided(const std::byte* source, const std::vector<StridedDim>& dims, std::size_t element_size, int64_t first,
                  int64_t count, std::byte* out);

}  // namespace modelexport
