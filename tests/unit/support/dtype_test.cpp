#include "support/dtype.h"

#include <gtest/gtest.h>

#include <array>

#include "support/convert.h"
#include "support/error.h"

namespace modelexport {
namespace {

constexpr DType X = DType::Undefined;
constexpr DType F32 = DType::Float32;
constexpr DType U8 = DType::UInt8;
constexpr DType I8 = DType::Int8;
constexpr DType U16 = DType::UInt16;
constexpr DType I16 = DType::Int16;
constexpr DType I32 = DType::Int32;
constexpr DType I64 = DType::Int64;
constexpr DType B = DType::Bool;
constexpr DType F16 = DType::Float16;
constexpr DType F64 = DType::Float64;
constexpr DType U32 = DType::UInt32;
constexpr DType U64 = DType::UInt64;
constexpr DType C64 = DType::Complex64;
constexpr DType C128 = DType::Complex128;
constexpr DType BF16 = DType::BFloat16;
constexpr DType F8 = DType::Float8E4M3FN;
constexpr std::array<DType, 16> kTypes = {F32, U8, I8, U16, I16, I32, I64, B, F16, F64, U32, U64, C64, C128, BF16, F8};
// torch.promote_types of torch 2.13; X where it raises.
// clang-format off
constexpr std::array<std::array<DType, 16>, 16> kPromoted = {{
    {F32, F32, F32, F32, F32, F32, F32, F32, F32, F64, F32, F32, C64, C128, F32, X},
    {F32, U8, I16, X, I16, I32, I64, U8, F16, F64, X, X, C64, C128, BF16, X},
    {F32, I16, I8, X, I16, I32, I64, I8, F16, F64, X, X, C64, C128, BF16, X},
    {F32, X, X, U16, X, X, X, X, F16, F64, X, X, X, X, BF16, X},
    {F32, I16, I16, X, I16, I32, I64, I16, F16, F64, X, X, C64, C128, BF16, X},
    {F32, I32, I32, X, I32, I32, I64, I32, F16, F64, X, X, C64, C128, BF16, X},
    {F32, I64, I64, X, I64, I64, I64, I64, F16, F64, X, X, C64, C128, BF16, X},
    {F32, U8, I8, X, I16, I32, I64, B, F16, F64, X, X, C64, C128, BF16, X},
    {F32, F16, F16, F16, F16, F16, F16, F16, F16, F64, F16, F16, C64, C128, F32, X},
    {F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, C128, C128, F64, X},
    {F32, X, X, X, X, X, X, X, F16, F64, U32, X, X, X, BF16, X},
    {F32, X, X, X, X, X, X, X, F16, F64, X, U64, X, X, BF16, X},
    {C64, C64, C64, X, C64, C64, C64, C64, C64, C128, X, X, C64, C128, C64, X},
    {C128, C128, C128, X, C128, C128, C128, C128, C128, C128, X, X, C128, C128, C128, X},
    {F32, BF16, BF16, BF16, BF16, BF16, BF16, BF16, F32, F64, BF16, BF16, C64, C128, BF16, X},
    {X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, F8},
}};
// clang-format on

TEST(DType, PromotesAsTorchDoes) {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    for (std::size_t j = 0; j < kTypes.size(); ++j) {
      if (kPromoted[i][j] == DType::Undefined) {
        EXPECT_THROW((void)promote(kTypes[i], kTypes[j]), Error) << name_of(kTypes[i]) << ", " << name_of(kTypes[j]);
      } else {
        EXPECT_EQ(promote(kTypes[i], kTypes[j]), kPromoted[i][j]) << name_of(kTypes[i]) << ", " << name_of(kTypes[j]);
      }
    }
  }
}

TEST(DType, EveryByteOfABoolButZeroIsTrue) {
  const std::array<std::byte, 4> bools = {std::byte{0}, std::byte{1}, std::byte{11}, std::byte{255}};
  std::array<int64_t, 4> numbers{};
  ASSERT_TRUE(convert_elements(DType::Bool, bools.data(), DType::Int64, reinterpret_cast<std::byte*>(numbers.data()),
                               bools.size()));
  EXPECT_EQ(numbers, (std::array<int64_t, 4>{0, 1, 1, 1}));
}

TEST(DType, NamesGoBothWays) {
  for (uint8_t number = 1; number <= 20; ++number) {
    const auto dtype = static_cast<DType>(number);
    EXPECT_EQ(dtype_from_name(name_of(dtype)), dtype);
  }
  EXPECT_EQ(name_of(DType::BFloat16), "bfloat16");
  EXPECT_EQ(dtype_from_name("float"), DType::Undefined);
}

TEST(DType, StringsHaveNoFixedSize) {
  EXPECT_EQ(size_of(DType::String), 0U);
  EXPECT_EQ(size_of(DType::Complex128), 16U);
  EXPECT_EQ(size_of(static_cast<DType>(200)), 0U);
}

}  // namespace
}  // namespace modelexport
