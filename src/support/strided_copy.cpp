#include "support/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "support/error.h"

namespace modelexport {
namespace {

using Dims = std::span<const StridedDim>;

int64_t elements(Dims dims) {
  int64_t count = 1;
  for (const auto& dim : dims) count *= dim.size;
  return count;
}

template <std::size_t kSize>
struct Element {
  std::array<std::byte, kSize> bytes;
};

// out[r][c] = source[r + c * column_stride], where both sides are read and written by whole cache lines: a tile is
// loaded along the source's rows and stored along the output's.
template <typename T>
void transpose(const T* source, int64_t column_stride, int64_t rows, int64_t columns, T* out, int64_t out_stride) {
  constexpr int64_t kTile = 64 / static_cast<int64_t>(sizeof(T));
  T tile[kTile][kTile];
  for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
    const int64_t n_columns = std::min(kTile, columns - c0);
    for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
      const int64_t n_rows = std::min(kTile, rows - r0);
      for (int64_t c = 0; c < n_columns; ++c) {
        const T* from = source + (c0 + c) * column_stride + r0;
        for (int64_t r = 0; r < n_rows; ++r) tile[r][c] = from[r];
      }
      for (int64_t r = 0; r < n_rows; ++r) {
        std::memcpy(out + (r0 + r) * out_stride + c0, tile[r], static_cast<std::size_t>(n_columns) * sizeof(T));
      }
    }
  }
}

template <typename T>
void copy_row(const T* source, const StridedDim& dim, T* out) {
  if (dim.stride == 1) {
    std::memcpy(out, source, static_cast<std::size_t>(dim.size) * sizeof(T));
  } else {
    for (int64_t i = 0; i < dim.size; ++i) out[i] = source[i * dim.stride];
  }
}

// Copies a whole box. `out_strides` are those of the dense result, of which `dims` may be a part.
template <typename T>
void copy_box(const T* source, std::span<const StridedDim> dims, std::span<const int64_t> out_strides, T* out) {
  if (dims.empty()) {
    *out = *source;
    return;
  }
  const StridedDim& last = dims.back();
  if (dims.size() == 1) {
    copy_row(source, last, out);
  } else if (dims.size() == 2 && dims[0].stride == 1 && last.stride != 1) {
    transpose(source, last.stride, dims[0].size, last.size, out, out_strides[0]);
  } else {
    for (int64_t i = 0; i < dims[0].size; ++i) {
      copy_box(source + i * dims[0].stride, dims.subspan(1), out_strides.subspan(1), out + i * out_strides[0]);
    }
  }
}

// Moves the dimension along which the source is dense to the last place but one, so that copy_box() finds the pair to
// transpose innermost. Which loop is outside does not matter to the result.
template <typename T>
void copy_whole(const T* source, Dims dims, T* out) {
  std::vector<StridedDim> order(dims.begin(), dims.end());
  std::vector<int64_t> out_strides(order.size());
  int64_t stride = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    out_strides[i] = stride;
    stride *= order[i].size;
  }
  const auto dense = std::find_if(order.begin(), order.end(), [](const StridedDim& dim) { return dim.stride == 1; });
  if (dense != order.end() && order.end() - dense > 2) {
    const auto at = dense - order.begin();
    std::rotate(dense, dense + 1, order.end() - 1);
    std::rotate(out_strides.begin() + at, out_strides.begin() + at + 1, out_strides.end() - 1);
  }
  copy_box<T>(source, order, out_strides, out);
}

// A range of a box is a part of its first slice, some whole slices, and a part of the last slice.
template <typename T>
void copy_range(const T* source, Dims dims, int64_t first, int64_t count, T* out) {
  if (count == 0) return;
  if (dims.empty()) {
    *out = *source;
    return;
  }
  const Dims inner = dims.subspan(1);
  const int64_t slice = elements(inner);
  int64_t index = first / slice;
  if (const int64_t skipped = first % slice; skipped != 0) {
    const int64_t head = std::min(count, slice - skipped);
    copy_range(source + index * dims[0].stride, inner, skipped, head, out);
    out += head;
    count -= head;
    ++index;
  }
  if (const int64_t whole = count / slice; whole > 0) {
    std::vector<StridedDim> box(dims.begin(), dims.end());
    box[0].size = whole;
    copy_whole<T>(source + index * dims[0].stride, box, out);
    out += whole * slice;
    count -= whole * slice;
    index += whole;
  }
  if (count > 0) copy_range(source + index * dims[0].stride, inner, 0, count, out);
}

template <typename T>
void copy_elements(const std::byte* source, Dims dims, int64_t first, int64_t count, std::byte* out) {
  copy_range(reinterpret_cast<const T*>(source), dims, first, count, reinterpret_cast<T*>(out));
}

}  // namespace

std::vector<StridedDim> collapse(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
  std::vector<StridedDim> dims;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1) continue;
    if (!dims.empty() && dims.back().stride == sizes[i] * strides[i]) {
      dims.back() = {dims.back().size * sizes[i], strides[i]};
    } else {
      dims.push_back({sizes[i], strides[i]});
    }
  }
  return dims;
}

void copy_strided(const std::byte* source, const std::vector<StridedDim>& dims, std::size_t element_size, int64_t first,
                  int64_t count, std::byte* out) {
  switch (element_size) {
    case 1:
      return copy_elements<Element<1>>(source, dims, first, count, out);
    case 2:
      return copy_elements<Element<2>>(source, dims, first, count, out);
    case 4:
      return copy_elements<Element<4>>(source, dims, first, count, out);
    case 8:
      return copy_elements<Element<8>>(source, dims, first, count, out);
    case 16:
      return copy_elements<Element<16>>(source, dims, first, count, out);
    default:
      fail(ErrorKind::Internal, "elements of " + std::to_string(element_size) + " bytes cannot be copied");
  }
}

}  // namespace modelexport
