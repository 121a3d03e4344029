#include "lower/ops/normalize.h"

#include <numeric>

namespace modelexport::lower {

Moments moments(Builder& b, V x, const std::vector<int64_t>& axes) {
  const V mean = b.reduce("ReduceMean", x, axes, true);
  const V centered = b.sub(x, mean);
  return {mean, b.reduce("ReduceMean", b.mul(centered, centered), axes, true), centered};
}

V inverse_deviation(Builder& b, V variance, double eps) {
  return b.op("Reciprocal", {b.op("Sqrt", {b.add(variance, b.scalar(eps, b.dtype(variance)))})});
}

V normalize(Builder& b, V x, const std::vector<int64_t>& axes, double eps) {
  const Moments m = moments(b, x, axes);
  return b.div(m.centered, b.op("Sqrt", {b.add(m.variance, b.scalar(eps, b.dtype(x)))}));
}

std::vector<int64_t> last_axes(int64_t rank, int64_t n) {
  std::vector<int64_t> axes(static_cast<std::size_t>(n));
  std::iota(axes.begin(), axes.end(), rank - n);
  return axes;
}

V scale_and_shift(Builder& b, V x, V weight, V bias) {
  if (weight) x = b.mul(x, b.cast(weight, b.dtype(x)));
  if (bias) x = b.add(x, b.cast(bias, b.dtype(x)));
  return x;
}

V per_channel(Builder& b, V channels, int64_t rank) {
  if (!channels || rank <= 2) return channels;
  return b.unsqueeze(channels, last_axes(rank - 1, rank - 2));
}

V operand_or_full(Context& c, std::string_view name, DType dtype, double value, const Sizes& sizes) {
  if (c.has(name)) return c.operand(name, dtype);
  if (const auto numbers = static_sizes(sizes)) return c.b.full(value, dtype, *numbers);
  return c.b.expand(c.b.scalar(value, dtype), sizes);
}

}  // namespace modelexport::lower
