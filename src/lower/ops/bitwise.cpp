// Bitwise logic and shifts.
#include <cmath>
#include <limits>

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

template <OpName Logical, OpName Bitwise>
Values bitwise(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  if (dtype == DType::Bool) return {c.b.op(Logical.text, {self, other})};
  if (c.b.opset() >= kBitwiseOpset) return {c.b.op(Bitwise.text, {self, other})};
  if (std::string_view(Logical.text) == "And") {
    if (const auto bits = low_bits(c.b, self, other)) return {*bits};
    if (const auto bits = low_bits(c.b, other, self)) return {*bits};
  }
  c.unsupported("bitwise operators on integers need opset 18");
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
