// Maxima, minima and clamps.
#include "lower/ops/elementwise.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

template <V (*F)(Builder&, V, V)>
Values propagating(Context& c) {
  const DType dtype = c.out_dtype();
  return {F(c.b, c.operand("self", dtype), c.operand("other", dtype))};
}

// NaN only where both are.
template <V (*F)(Builder&, V, V)>
Values ignoring(Context& c) {
  const DType dtype = c.out_dtype();
  const V self = c.operand("self", dtype);
  const V other = c.operand("other", dtype);
  if (!is_floating(dtype)) return {F(c.b, self, other)};
  const V either = c.b.where(c.b.op("IsNaN", {self}), other, F(c.b, self, other));
  return {c.b.where(c.b.op("IsNaN", {other}), self, either)};
}

// A bound as a tensor; empty when there is none.
V bound(Context& c, std::string_view name) {
  const bool given = c.node.find(name) != nullptr && c.has(name);
  return given ? c.operand(name, c.out_dtype()) : V{};
}

Values clamp(Context& c) {
  V result = c.operand("self", c.out_dtype());
  const V min = bound(c, "min");
  const V max = bound(c, "max");
  const auto is_scalar = [&](V v) { return !v || c.b.rank(v) == 0; };
  if (is_scalar(min) && is_scalar(max)) return {c.b.clip(result, min, max)};
  if (min) result = maximum(c.b, result, min);
  if (max) result = minimum(c.b, result, max);
  return {result};
}

const Row kRows[] = {
    {"aten::maximum(Tensor self, Tensor other) -> Tensor", propagating<maximum>},
    {"aten::max.other(Tensor self, Tensor other) -> Tensor", propagating<maximum>},
    {"aten::minimum(Tensor self, Tensor other) -> Tensor", propagating<minimum>},
    {"aten::min.other(Tensor self, Tensor other) -> Tensor", propagating<minimum>},
    {"aten::fmax(Tensor self, Tensor other) -> Tensor", ignoring<maximum>},
    {"aten::fmin(Tensor self, Tensor other) -> Tensor", ignoring<minimum>},
    {"aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp},
    {"aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", clamp},
    {"aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp},
    {"aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", clamp},
    {"aten::clamp_min(Tensor self, Scalar min) -> Tensor", clamp},
    {"aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", clamp},
    {"aten::clamp_max(Tensor self, Scalar max) -> Tensor", clamp},
    {"aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", clamp},
};

}  // namespace

Family extremum_rows() { return kRows; }

}  // namespace modelexport::lower
