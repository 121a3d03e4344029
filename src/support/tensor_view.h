// A strided look at bytes that somebody else owns: torch's memory, a mapped file, or a buffer of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "support/dtype.h"

namespace modelexport {

class MappedFile;

// Bytes of a whole storage. `owner` keeps them alive where we can; torch's memory is kept alive by the caller.
struct Storage {
  const std::byte* data = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner;
  // Where the bytes lie on disk, if they do: lets a writer copy or link without reading them.
  const MappedFile* file = nullptr;
  uint64_t file_offset = 0;
};

// Element (i, j, ...) is at data + (offset + i*strides[0] + j*strides[1] + ...) * size_of(dtype).
// `strides` and `offset` count elements. Rank 0 is a scalar.
struct TensorView {
  std::shared_ptr<const Storage> storage;
  DType dtype = DType::Undefined;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t offset = 0;

  [[nodiscard]] int64_t numel() const;
  [[nodiscard]] uint64_t nbytes() const { return static_cast<uint64_t>(numel()) * size_of(dtype); }
  // Row-major without gaps; then bytes() .. bytes()+nbytes() is the tensor.
  [[nodiscard]] bool is_contiguous() const;
  [[nodiscard]] const std::byte* bytes() const {
    return storage->data + static_cast<std::ptrdiff_t>(offset) * static_cast<std::ptrdiff_t>(size_of(dtype));
  }
  // Throws Error when some element lies outside the storage.
  void check_bounds() const;
  // Row-major copy of elements [first, first+count) in row-major order into `out`.
  void gather(int64_t first, int64_t count, std::byte* out) const;
};

[[nodiscard]] std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& sizes);
// Owns a copy of `bytes`.
[[nodiscard]] TensorView make_tensor(DType dtype, std::vector<int64_t> sizes, std::vector<std::byte> bytes);

}  // namespace modelexport
