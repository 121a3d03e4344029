// Bitwise logic and shifts.
#include <cmath>
#include <limits>
#include <numeric>

#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

constexpr int64_t kBitwiseOpset = 18;

// With a mask of the lowest bits, "and" is the remainder: the one form that does without BitwiseAnd.
std::optional<V> low_bits(Builder& b, V x, V mask) {
  const auto number = constant_number(b, mask);
  int exponent = 0;
  if (!number || *number < 0 || std::frexp(*number + 1, &exponent) != 0.5) return std::nullopt;
  return b.op("Mod", {x, number_like(b, *number + 1, x)});
}

// The bits of integers, the lowest first, as a last axis of zeros and ones in int64.
V bits_of(Builder& b, V x, std::size_t width) {
  std::vector<int64_t> places(width);
  std::iota(places.begin(), places.end(), 0);
  const V pattern = b.unsqueeze(b.cast(x, DType::UInt64), {*b.rank(x)});
  const V shifted = b.op("BitShift", {pattern, b.cast(b.ints(places), DType::UInt64)}, {{"direction", "RIGHT"}});
  return b.cast(b.op("Mod", {shifted, b.scalar_int(2, DType::UInt64)}), DType::Int64);
}

// "and" bit by bit. No sum of what the bits stand for is out of the range of int64, where the last is -2^63, and the
// narrower types are its lowest bits. A product of matrices, because onnxruntime sums integers as doubles.
V and_of_bits(Builder& b, V x, V y, DType dtype) {
  const std::size_t width = 8 * size_of(dtype);
  std::vector<int64_t> worth(width);
  for (std::size_t i = 0; i < width; ++i) worth[i] = static_cast<int64_t>(uint64_t{1} << i);
  const V both = b.mul(bits_of(b, x, width), bits_of(b, y, width));
  return b.cast(b.op("MatMul", {both, b.ints(worth)}), dtype);
}

// Without BitwiseAnd and its like. Bits that are in both are taken away first, so that no sum is out of range.
V bitwise_by_bits(Builder& b, std::string_view logical, V x, V y, DType dtype) {
  const V both = and_of_bits(b, x, y, dtype);
  if (logical == "And") return both;
  const V only_y = b.sub(y, both);
  return b.add(logical == "Or" ? x : b.sub(x, both), only_y);
}

template <OpName Logical, OpName Bitwise>
Values bitwise(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  if (dtype == DType::Bool) return {c.b.op(Logical.text, {self, other})};
  if (c.b.opset() >= kBitwiseOpset) return {c.b.op(Bitwise.text, {self, other})};
  const std::string_view logical = Logical.text;
  if (logical == "And") {
    if (const auto bits = low_bits(c.b, self, other)) return {*bits};
    if (const auto bits = low_bits(c.b, other, self)) return {*bits};
  }
  return {bitwise_by_bits(c.b, logical, self, other, dtype)};
}

Values bitwise_not(Context& c) {
  const V self = c.tensor("self");
  const DType dtype = c.out_dtype();
  if (dtype == DType::Bool) return {c.b.op("Not", {self})};
  if (c.b.opset() >= kBitwiseOpset) return {c.b.op("BitwiseNot", {self})};
  // -1 - x; in an unsigned type, the largest number less x.
  const int64_t all_bits = is_unsigned(dtype) ? (int64_t{1} << (8 * size_of(dtype))) - 1 : -1;
  return {c.b.sub(c.b.scalar_int(all_bits, dtype), self)};
}

Values left_shift(Context& c) {
  const DType dtype = c.out_dtype();
  return {c.b.mul(c.operand("self", dtype), power_of_two(c.b, c.operand("other", dtype)))};
}

// Beyond the width of the type, as by all but one of its bits: what is left is the sign.
Values right_shift(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V places = c.operand("other", dtype);
  const int64_t most = static_cast<int64_t>(8 * size_of(dtype)) - (is_unsigned(dtype) ? 1 : 2);
  if (constant_number(b, places).value_or(most + 1) <= most) return {floor_div(b, self, power_of_two(b, places))};
  const V last = b.scalar_int(most, dtype);
  const V first = floor_div(b, self, power_of_two(b, b.op("Min", {places, last})));
  return {b.where(b.op("Greater", {places, last}), floor_div(b, first, number_like(b, 2, first)), first)};
}

constexpr Lowering bitwise_and = bitwise<"And", "BitwiseAnd">;
constexpr Lowering bitwise_or = bitwise<"Or", "BitwiseOr">;
constexpr Lowering bitwise_xor = bitwise<"Xor", "BitwiseXor">;

const Row kRows[] = {
    {"aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_and},
    {"aten::bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_and},
    {"aten::bitwise_and.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", bitwise_and},
    {"aten::__and__.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_and},
    {"aten::__and__.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_and},
    {"aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_or},
    {"aten::bitwise_or.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_or},
    {"aten::bitwise_or.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", bitwise_or},
    {"aten::__or__.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_or},
    {"aten::__or__.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_or},
    {"aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_xor},
    {"aten::bitwise_xor.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_xor},
    {"aten::bitwise_xor.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", bitwise_xor},
    {"aten::__xor__.Tensor(Tensor self, Tensor other) -> Tensor", bitwise_xor},
    {"aten::__xor__.Scalar(Tensor self, Scalar other) -> Tensor", bitwise_xor},
    {"aten::bitwise_not(Tensor self) -> Tensor", bitwise_not},
    {"aten::bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor", left_shift},
    {"aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor", left_shift},
    {"aten::bitwise_left_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", left_shift},
    {"aten::__lshift__.Tensor(Tensor self, Tensor other) -> Tensor", left_shift},
    {"aten::__lshift__.Scalar(Tensor self, Scalar other) -> Tensor", left_shift},
    {"aten::bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor", right_shift},
    {"aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor", right_shift},
    {"aten::bitwise_right_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", right_shift},
    {"aten::__rshift__.Tensor(Tensor self, Tensor other) -> Tensor", right_shift},
    {"aten::__rshift__.Scalar(Tensor self, Scalar other) -> Tensor", right_shift},
};

}  // namespace

Family bitwise_rows() { return kRows; }

}  // namespace modelexport::lower
