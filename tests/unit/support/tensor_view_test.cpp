#include "support/tensor_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>

#include "support/error.h"

namespace modelexport {
namespace {

// A view into a storage whose element i holds i (in its lowest bytes).
TensorView counting_view(DType dtype, int64_t storage_elements, std::vector<int64_t> sizes,
                         std::vector<int64_t> strides, int64_t offset = 0) {
  const auto size = size_of(dtype);
  std::vector<std::byte> bytes(static_cast<std::size_t>(storage_elements) * size);
  for (int64_t i = 0; i < storage_elements; ++i) {
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * size, &i, std::min(size, sizeof(i)));
  }
  auto view = make_tensor(dtype, {storage_elements}, std::move(bytes));
  view.sizes = std::move(sizes);
  view.strides = std::move(strides);
  view.offset = offset;
  return view;
}

// The same elements, fetched one by one through the indices.
std::vector<std::byte> gathered_slowly(const TensorView& view) {
  const auto size = size_of(view.dtype);
  std::vector<std::byte> out(view.nbytes());
  for (int64_t n = 0; n < view.numel(); ++n) {
    int64_t at = 0;
    int64_t rest = n;
    for (std::size_t d = view.sizes.size(); d-- > 0;) {
      at += rest % view.sizes[d] * view.strides[d];
      rest /= view.sizes[d];
    }
    std::memcpy(out.data() + static_cast<std::size_t>(n) * size, view.bytes() + at * static_cast<int64_t>(size), size);
  }
  return out;
}

std::vector<std::byte> gathered_in_pieces(const TensorView& view, int64_t piece) {
  const auto size = size_of(view.dtype);
  std::vector<std::byte> out(view.nbytes());
  for (int64_t first = 0; first < view.numel(); first += piece) {
    const auto count = std::min(piece, view.numel() - first);
    view.gather(first, count, out.data() + static_cast<std::size_t>(first) * size);
  }
  return out;
}

TEST(TensorView, KnowsWhatIsContiguous) {
  EXPECT_TRUE(counting_view(DType::Float32, 6, {2, 3}, {3, 1}).is_contiguous());
  EXPECT_FALSE(counting_view(DType::Float32, 6, {3, 2}, {1, 3}).is_contiguous());
  EXPECT_TRUE(counting_view(DType::Float32, 6, {6, 1}, {1, 77}).is_contiguous());  // the stride of size 1 is idle
  EXPECT_TRUE(counting_view(DType::Float32, 6, {}, {}).is_contiguous());
  EXPECT_TRUE(counting_view(DType::Float32, 6, {3, 0, 2}, {5, 5, 5}).is_contiguous());
  EXPECT_FALSE(counting_view(DType::Float32, 6, {6}, {0}).is_contiguous());
}

TEST(TensorView, GathersRandomPermutationsInPieces) {
  std::mt19937 random(7);
  const std::vector<DType> dtypes = {DType::Bool, DType::Float16, DType::Float32, DType::Int64, DType::Complex128};
  for (int round = 0; round < 200; ++round) {
    const auto rank = random() % 5;
    std::vector<int64_t> sizes(rank);
    for (auto& size : sizes) size = 1 + static_cast<int64_t>(random() % (rank < 3 ? 150 : 12));
    std::vector<std::size_t> order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<int64_t> strides(rank);
    int64_t stride = round % 3 == 0 ? 2 : 1;
    for (const auto dim : order) {
      strides[dim] = stride;
      stride *= sizes[dim] + static_cast<int64_t>(random() % 2);
    }
    if (rank > 0 && round % 5 == 0) strides[random() % rank] = 0;  // expanded
    const auto view = counting_view(dtypes[random() % dtypes.size()], stride * 2 + 3, sizes, strides, 3);
    ASSERT_NO_THROW(view.check_bounds());
    const auto expected = gathered_slowly(view);
    const auto piece = 1 + static_cast<int64_t>(random() % static_cast<uint32_t>(view.numel()));
    EXPECT_EQ(gathered_in_pieces(view, view.numel()), expected);
    EXPECT_EQ(gathered_in_pieces(view, piece), expected);
  }
}

TEST(TensorView, ChecksBounds) {
  EXPECT_NO_THROW(counting_view(DType::Float32, 6, {3, 2}, {1, 3}).check_bounds());
  EXPECT_NO_THROW(counting_view(DType::Float32, 6, {2}, {-1}, 1).check_bounds());
  EXPECT_NO_THROW(counting_view(DType::Float32, 6, {0, 100}, {100, 1}, 50).check_bounds());
  EXPECT_THROW(counting_view(DType::Float32, 6, {3, 2}, {1, 4}).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {3}, {-1}, 1).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {7}, {1}).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {6}, {1}, 1).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {-1}, {1}).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {INT64_MAX, INT64_MAX}, {INT64_MAX, 0}).check_bounds(), Error);
  EXPECT_THROW(counting_view(DType::Float32, 6, {2}, {INT64_MAX}, INT64_MAX).check_bounds(), Error);
}

TEST(TensorView, ErrorNamesTheTensor) {
  try {
    counting_view(DType::Float16, 6, {7, 2}, {2, 1}).check_bounds();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("float16[7, 2] needs 28 bytes of a storage of 12"));
  }
}

}  // namespace
}  // namespace modelexport
