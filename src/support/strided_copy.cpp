#include "support/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

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

// Little squares of elements that fit 16-byte vectors, transposed by interleaving the vectors pairwise.
template <std::size_t kSize>
struct Square {
  using Number =
      std::conditional_t<kSize == 1, uint8_t,
                         std::conditional_t<kSize == 2, uint16_t, std::conditional_t<kSize == 4, uint32_t, uint64_t>>>;
  // GCC drops the attribute from an alias and from a template's argument.
  typedef Number Vector __attribute__((vector_size(16)));  // NOLINT(modernize-use-using)
  static constexpr std::size_t kSide = 16 / kSize;

  template <std::size_t kFirst, std::size_t... kIndex>
  static Vector interleave(Vector a, Vector b, std::index_sequence<kIndex...>) {
    return __builtin_shufflevector(a, b, (kFirst + kIndex / 2 + kIndex % 2 * kSide)...);
  }

  // Rows of the square lie `from_stride` and `to_stride` bytes apart.
  static void transpose(const std::byte* from, std::ptrdiff_t from_stride, std::byte* to, std::size_t to_stride) {
    constexpr std::make_index_sequence<kSide> kIndices;
    Vector rows[kSide];
    for (std::size_t i = 0; i < kSide; ++i) {
      std::memcpy(&rows[i], from + static_cast<std::ptrdiff_t>(i) * from_stride, sizeof(Vector));
    }
    for (std::size_t done = 1; done < kSide; done *= 2) {
      Vector next[kSide];
      for (std::size_t i = 0; i < kSide / 2; ++i) {
        next[2 * i] = interleave<0>(rows[i], rows[i + kSide / 2], kIndices);
        next[2 * i + 1] = interleave<kSide / 2>(rows[i], rows[i + kSide / 2], kIndices);
      }
      std::copy(std::begin(next), std::end(next), std::begin(rows));
    }
    for (std::size_t i = 0; i < kSide; ++i) std::memcpy(to + i * to_stride, &rows[i], sizeof(Vector));
  }
};

// A tile of whole cache lines on both sides; it is put together apart from the output, whose rows may all lie in the
// same few sets of the cache.
template <typename T>
struct Tile {
  static constexpr int64_t kSide = 64 / static_cast<int64_t>(sizeof(T));
  T elements[kSide][kSide];

  void load_whole(const T* source, int64_t column_stride) {
    if constexpr (sizeof(T) < 16) {
      using Small = Square<sizeof(T)>;
      constexpr auto kStep = static_cast<int64_t>(Small::kSide);
      const auto stride = column_stride * static_cast<std::ptrdiff_t>(sizeof(T));
      for (int64_t c = 0; c < kSide; c += kStep) {
        for (int64_t r = 0; r < kSide; r += kStep) {
          const auto* from = reinterpret_cast<const std::byte*>(source + c * column_stride + r);
          Small::transpose(from, stride, reinterpret_cast<std::byte*>(&elements[r][c]), sizeof(elements[0]));
        }
      }
    } else {
      load(source, column_stride, kSide, kSide);
    }
  }
  void load(const T* source, int64_t column_stride, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; ++c) {
      const T* from = source + c * column_stride;
      for (int64_t r = 0; r < rows; ++r) elements[r][c] = from[r];
    }
  }
  void store(T* out, int64_t out_stride, int64_t rows, int64_t columns) const {
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(out + r * out_stride, elements[r], static_cast<std::size_t>(columns) * sizeof(T));
    }
  }
};

// Rows of a transposed source lie too far apart for the processor to foresee the next tile.
template <typename T>
void prefetch(const T* source, int64_t column_stride, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c) __builtin_prefetch(source + c * column_stride, 0, 2);
}

// out[r][c] = source[r + c * column_stride].
template <typename T>
void transpose(const T* source, int64_t column_stride, int64_t rows, int64_t columns, T* out, int64_t out_stride) {
  constexpr int64_t kSide = Tile<T>::kSide;
  Tile<T> tile;
  for (int64_t c = 0; c < columns; c += kSide) {
    for (int64_t r = 0; r < rows; r += kSide) {
      const T* from = source + c * column_stride + r;
      T* to = out + r * out_stride + c;
      prefetch(from + kSide * column_stride, column_stride, std::clamp(columns - c - kSide, int64_t{0}, kSide));
      if (rows - r >= kSide && columns - c >= kSide) {
        tile.load_whole(from, column_stride);
        tile.store(to, out_stride, kSide, kSide);
      } else {
        const int64_t n_rows = std::min(kSide, rows - r);
        const int64_t n_columns = std::min(kSide, columns - c);
        tile.load(from, column_stride, n_rows, n_columns);
        tile.store(to, out_stride, n_rows, n_columns);
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
