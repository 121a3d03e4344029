#include "lower/ops/vector_norm.h"

#include <cmath>

namespace modelexport::lower {

V vector_norm(Builder& b, V x, double p, const std::vector<int64_t>& axes, bool keepdims) {
  const DType dtype = b.dtype(x);
  if (std::isinf(p)) return b.reduce(p > 0 ? "ReduceMax" : "ReduceMin", b.op("Abs", {x}), axes, keepdims);
  if (p == 0) {
    const V is_zero = b.op("Equal", {x, b.scalar(0, dtype)});
    return b.reduce("ReduceSum", b.cast(b.op("Not", {is_zero}), dtype), axes, keepdims);
  }
  if (p == 1) return b.reduce("ReduceL1", x, axes, keepdims);
  if (p == 2) return b.reduce("ReduceL2", x, axes, keepdims);
  const V powers = b.op("Pow", {b.op("Abs", {x}), b.scalar(p, dtype)});
  return b.op("Pow", {b.reduce("ReduceSum", powers, axes, keepdims), b.scalar(1 / p, dtype)});
}

}  // namespace modelexport::lower
