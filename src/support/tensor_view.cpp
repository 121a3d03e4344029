#include "support/tensor_view.h"

#include <cstring>
#include <string>
#include <utility>

#include "support/error.h"
#include "support/strided_copy.h"

namespace modelexport {
namespace {

[[noreturn]] void fail_bounds(const TensorView& view, const std::string& what) {
  std::string sizes;
  for (const auto size : view.sizes) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  fail("tensor of " + std::string(name_of(view.dtype)) + "[" + sizes + "] " + what);
}

}  // namespace

int64_t TensorView::numel() const {
  int64_t count = 1;
  for (const auto size : sizes) count *= size;
  return count;
}

bool TensorView::is_contiguous() const {
  int64_t expected = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1 && strides[i] != expected) expected = -1;
    if (expected > 0) expected *= sizes[i];
  }
  return expected > 0;
}

void TensorView::check_bounds() const {
  if (strides.size() != sizes.size()) fail_bounds(*this, "has another number of strides than of sizes");
  if (size_of(dtype) == 0) fail_bounds(*this, "has elements without a fixed size");
  int64_t lowest = offset;
  int64_t highest = offset;
  int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) fail_bounds(*this, "has a negative size");
    if (sizes[i] == 0) {
      empty = true;
      continue;
    }
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(count, sizes[i], &count);
    overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
    int64_t& end = reach < 0 ? lowest : highest;
    overflow |= __builtin_add_overflow(end, reach, &end);
  }
  if (empty) return;
  uint64_t bytes = 0;
  overflow |= __builtin_mul_overflow(count, static_cast<int64_t>(size_of(dtype)), &count);
  overflow |= __builtin_add_overflow(highest, 1, &highest);
  overflow |= __builtin_mul_overflow(highest, size_of(dtype), &bytes);
  if (overflow) fail_bounds(*this, "is larger than any memory");
  if (lowest < 0) fail_bounds(*this, "begins before its storage");
  if (storage == nullptr || bytes > storage->size) {
    fail_bounds(*this, "needs " + std::to_string(bytes) + " bytes of a storage of " +
                           std::to_string(storage == nullptr ? 0 : storage->size));
  }
}

void TensorView::gather(int64_t first, int64_t count, std::byte* out) const {
  const auto element_size = size_of(dtype);
  if (count == 0) return;
  if (is_contiguous()) {
    std::memcpy(out, bytes() + static_cast<std::size_t>(first) * element_size,
                static_cast<std::size_t>(count) * element_size);
  } else {
    copy_strided(bytes(), collapse(sizes, strides), element_size, first, count, out);
  }
}

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= sizes[i] > 0 ? sizes[i] : 1;
  }
  return strides;
}

TensorView make_tensor(DType dtype, std::vector<int64_t> sizes, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  auto storage = std::make_shared<Storage>();
  storage->data = owner->data();
  storage->size = owner->size();
  storage->owner = std::move(owner);
  TensorView view;
  view.storage = std::move(storage);
  view.dtype = dtype;
  view.strides = contiguous_strides(sizes);
  view.sizes = std::move(sizes);
  view.check_bounds();
  return view;
}

}  // namespace modelexport
