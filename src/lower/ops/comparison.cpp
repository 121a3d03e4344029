// Comparisons, logic, and tests for special values.
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

Values not_equal(Context& c) { return {c.b.op("Not", compare<"Equal">(c))}; }

template <OpName Name>
Values logical(Context& c) {
  return {c.b.op(Name.text, {c.operand("self", DType::Bool), c.operand("other", DType::Bool)})};
}

Values logical_not(Context& c) { return {c.b.op("Not", {c.operand("self", DType::Bool)})}; }

V everywhere(Context& c, bool truth) { return c.b.expand(c.b.scalar_int(truth ? 1 : 0, DType::Bool), c.out_sizes()); }

Values isnan(Context& c) {
  if (!is_floating(c.dtype("self"))) return {everywhere(c, false)};
  return {c.b.op("IsNaN", {c.tensor("self")})};
}

template <bool Negative, bool Positive>
Values isinf(Context& c) {
  if (!is_floating(c.dtype("self"))) return {everywhere(c, false)};
  Attrs attrs;
  if (!Negative) attrs.push_back({"detect_negative", 0});
  if (!Positive) attrs.push_back({"detect_positive", 0});
  return {c.b.op("IsInf", {c.tensor("self")}, attrs)};
}

V is_finite(Builder& b, V x) {
  return b.op("Less", {b.op("Abs", {x}), number_like(b, std::numeric_limits<double>::infinity(), x)});
}

Values isfinite(Context& c) {
  if (!is_floating(c.dtype("self"))) return {everywhere(c, true)};
  return {is_finite(c.b, c.tensor("self"))};
}

Values isreal(Context& c) { return {everywhere(c, true)}; }

Values signbit(Context& c) {
  const DType dtype = c.dtype("self");
  if (dtype == DType::Bool || is_unsigned(dtype)) return {everywhere(c, false)};
  return {sign_bit(c.b, c.tensor("self"))};
}

Values isclose(Context& c) {
  Builder& b = c.b;
  const DType recorded = c.dtype("self");
  const DType dtype = is_floating(recorded) ? recorded : DType::Float32;
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  const V size = b.mul(b.op("Abs", {other}), b.scalar(c.number("rtol"), dtype));
  const V allowed = b.add(size, b.scalar(c.number("atol"), dtype));
  const V distance = b.op("Abs", {b.sub(self, other)});
  const V near = b.op("And", {is_finite(b, distance), b.op("LessOrEqual", {distance, allowed})});
  const V close = b.op("Or", {b.op("Equal", {self, other}), near});
  if (!c.flag("equal_nan")) return {close};
  return {b.op("Or", {close, b.op("And", {b.op("IsNaN", {self}), b.op("IsNaN", {other})})})};
}

double largest(DType dtype) {
  if (dtype == DType::Float16) return 65504;
  if (dtype == DType::BFloat16) return 0x1.fep127;
  return dtype == DType::Float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

Values nan_to_num(Context& c) {
  Builder& b = c.b;
  const V self = c.tensor("self");
  const DType dtype = c.dtype("self");
  if (!is_floating(dtype)) return {self};
  const double max = largest(dtype);
  const V no_nan = b.where(b.op("IsNaN", {self}), b.scalar(c.number_or("nan", 0), dtype), self);
  if (!c.has("posinf") && !c.has("neginf")) return {b.clip(no_nan, b.scalar(-max, dtype), b.scalar(max, dtype))};
  const V inf = b.scalar(std::numeric_limits<double>::infinity(), dtype);
  const V minus_inf = b.scalar(-std::numeric_limits<double>::infinity(), dtype);
  const V no_inf = b.where(b.op("Equal", {no_nan, inf}), b.scalar(c.number_or("posinf", max), dtype), no_nan);
  const V low = b.scalar(c.number_or("neginf", -max), dtype);
  return {b.where(b.op("Equal", {no_nan, minus_inf}), low, no_inf)};
}

const Row kRows[] = {
    {"aten::eq.Tensor(Tensor self, Tensor other) -> Tensor", compare<"Equal">},
    {"aten::eq.Scalar(Tensor self, Scalar other) -> Tensor", compare<"Equal">},
    {"aten::ne.Tensor(Tensor self, Tensor other) -> Tensor", not_equal},
    {"aten::ne.Scalar(Tensor self, Scalar other) -> Tensor", not_equal},
    {"aten::not_equal.Tensor(Tensor self, Tensor other) -> Tensor", not_equal},
    {"aten::not_equal.Scalar(Tensor self, Scalar other) -> Tensor", not_equal},
    {"aten::lt.Tensor(Tensor self, Tensor other) -> Tensor", compare<"Less">},
    {"aten::lt.Scalar(Tensor self, Scalar other) -> Tensor", compare<"Less">},
    {"aten::less.Tensor(Tensor self, Tensor other) -> Tensor", compare<"Less">},
    {"aten::less.Scalar(Tensor self, Scalar other) -> Tensor", compare<"Less">},
    {"aten::le.Tensor(Tensor self, Tensor other) -> Tensor", compare<"LessOrEqual">},
    {"aten::le.Scalar(Tensor self, Scalar other) -> Tensor", compare<"LessOrEqual">},
    {"aten::less_equal.Tensor(Tensor self, Tensor other) -> Tensor", compare<"LessOrEqual">},
    {"aten::less_equal.Scalar(Tensor self, Scalar other) -> Tensor", compare<"LessOrEqual">},
    {"aten::gt.Tensor(Tensor self, Tensor other) -> Tensor", compare<"Greater">},
    {"aten::gt.Scalar(Tensor self, Scalar other) -> Tensor", compare<"Greater">},
    {"aten::greater.Tensor(Tensor self, Tensor other) -> Tensor", compare<"Greater">},
    {"aten::greater.Scalar(Tensor self, Scalar other) -> Tensor", compare<"Greater">},
    {"aten::ge.Tensor(Tensor self, Tensor other) -> Tensor", compare<"GreaterOrEqual">},
    {"aten::ge.Scalar(Tensor self, Scalar other) -> Tensor", compare<"GreaterOrEqual">},
    {"aten::greater_equal.Tensor(Tensor self, Tensor other) -> Tensor", compare<"GreaterOrEqual">},
    {"aten::greater_equal.Scalar(Tensor self, Scalar other) -> Tensor", compare<"GreaterOrEqual">},
    {"aten::logical_and(Tensor self, Tensor other) -> Tensor", logical<"And">},
    {"aten::logical_or(Tensor self, Tensor other) -> Tensor", logical<"Or">},
    {"aten::logical_xor(Tensor self, Tensor other) -> Tensor", logical<"Xor">},
    {"aten::logical_not(Tensor self) -> Tensor", logical_not},
    {"aten::isnan(Tensor self) -> Tensor", isnan},
    {"aten::isinf(Tensor self) -> Tensor", isinf<true, true>},
    {"aten::isposinf(Tensor self) -> Tensor", isinf<false, true>},
    {"aten::isneginf(Tensor self) -> Tensor", isinf<true, false>},
    {"aten::isfinite(Tensor self) -> Tensor", isfinite},
    {"aten::isreal(Tensor self) -> Tensor", isreal},
    {"aten::signbit(Tensor self) -> Tensor", signbit},
    {"aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, "
     "bool equal_nan=False) -> Tensor",
     isclose},
    {"aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", nan_to_num},
};

}  // namespace

Family comparison_rows() { return kRows; }

}  // namespace modelexport::lower
