// Pools to a given output size. Window i of an axis reaches from floor(i * in / out) to ceil((i + 1) * in / out).
#include <algorithm>
#include <numeric>

#include "lower/ops/families.h"
#include "lower/ops/spatial.h"

namespace modelexport::lower {

namespace {

struct Axis {
  int64_t axis;  // of the tensor
  Size in;
  Size out;
};

// The pooled axes, the last N ones.
std::vector<Axis> pooled_axes(Context& c, std::size_t n) {
  const Sizes in = c.shape("self");
  const Sizes out = c.out_sizes();
  std::vector<Axis> axes;
  for (std::size_t i = in.size() - n; i < in.size(); ++i) axes.push_back({static_cast<int64_t>(i), in[i], out[i]});
  return axes;
}

std::vector<int64_t> numbers_of(const std::vector<Axis>& axes) {
  std::vector<int64_t> numbers;
  for (const Axis& a : axes) numbers.push_back(a.axis);
  return numbers;
}

bool all_one(const std::vector<Axis>& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.out.is_static() && a.out.value == 1; });
}

// Kernel sizes of the plain pool that does the same, when all windows are equally long.
std::optional<std::vector<int64_t>> even_windows(const std::vector<Axis>& axes) {
  std::vector<int64_t> kernel;
  for (const Axis& a : axes) {
    if (!a.in.is_static() || !a.out.is_static() || a.out.value <= 0 || a.in.value % a.out.value != 0)
      return std::nullopt;
    kernel.push_back(a.in.value / a.out.value);
  }
  return kernel;
}

V range(Builder& b, const Size& count) { return b.op("Range", {b.scalar_int(0), b.as_scalar(count), b.scalar_int(1)}); }

struct Bounds {
  V start;  // int64[out, 1]
  V end;
};

Bounds bounds(Builder& b, const Axis& a) {
  const V in = b.as_scalar(a.in);
  const V out = b.as_scalar(a.out);
  const V scaled = b.mul(b.unsqueeze(range(b, a.out), {1}), in);
  const V round_up = b.sub(out, b.scalar_int(1));
  return {b.div(scaled, out), b.div(b.add(b.add(scaled, in), round_up), out)};
}

// ---- average ----

// [out, in]: row i holds 1 / length over window i, 0 elsewhere.
V averaging_matrix(Builder& b, const Axis& a, DType dtype) {
  const Bounds window = bounds(b, a);
  const V position = range(b, a.in);
  const V inside =
      b.op("And", {b.op("GreaterOrEqual", {position, window.start}), b.op("Less", {position, window.end})});
  return b.div(b.cast(inside, dtype), b.cast(b.sub(window.end, window.start), dtype));
}

// Multiplies the matrix into one axis of x.
V multiply_axis(Builder& b, V matrix, V x, int64_t axis, int64_t rank) {
  if (axis == rank - 2) return b.op("MatMul", {matrix, x});
  std::vector<int64_t> perm(static_cast<std::size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[static_cast<std::size_t>(axis)], perm.back());
  const V product = b.op("MatMul", {b.transpose(x, perm), b.transpose(matrix, {1, 0})});
  return b.transpose(product, perm);
}

template <std::size_t N>
Values adaptive_avg_pool(Context& c) {
  Builder& b = c.b;
  const V x = c.tensor("self");
  const std::vector<Axis> axes = pooled_axes(c, N);
  const bool has_batch = c.rank("self") == N + 2;
  if (all_one(axes)) {
    const DType dtype = b.dtype(x);
    const bool is_single = dtype == DType::Float32 || dtype == DType::Float16;
    return {has_batch && is_single ? b.op("GlobalAveragePool", {x})
                                   : b.reduce("ReduceMean", x, numbers_of(axes), true)};
  }
  if (const auto kernel = even_windows(axes)) {
    return {with_batch_axis(b, x, has_batch, [&](V batched) {
      return b.op("AveragePool", {batched}, {{"kernel_shape", *kernel}, {"strides", *kernel}});
    })};
  }
  V result = x;
  for (const Axis& a : axes) {
    if (a.in == a.out) continue;
    result = multiply_axis(b, averaging_matrix(b, a, c.out_dtype()), result, a.axis, c.rank("self"));
  }
  return {result};
}

// ---- max ----

// int64[out, longest]: the positions of each window; short ones repeat their last.
V window_positions(Builder& b, const Axis& a) {
  const Bounds window = bounds(b, a);
  const V longest = b.reduce("ReduceMax", b.sub(window.end, window.start), {}, false);
  const V steps = b.op("Range", {b.scalar_int(0), longest, b.scalar_int(1)});
  return b.op("Min", {b.add(window.start, steps), b.sub(window.end, b.scalar_int(1))});
}

// All windows laid out: the pooled axes in order, then for each its positions flattened into one last axis.
struct Windows {
  V values;     // [..., out..., longest...] with the last axes flattened
  V positions;  // int64[out..., longest...] flattened alike: where in the input's plane each value lies
};

// [out, longest] broadcast to its two axes of [out_0, ..., out_n, longest_0, ..., longest_n].
V spread(Builder& b, V positions, std::size_t i, std::size_t n) {
  std::vector<int64_t> new_axes;
  for (std::size_t axis = 0; axis < 2 * n; ++axis) {
    if (axis != i && axis != n + i) new_axes.push_back(static_cast<int64_t>(axis));
  }
  return b.unsqueeze(positions, new_axes);
}

Windows lay_out(Context& c, const std::vector<Axis>& axes) {
  Builder& b = c.b;
  const std::size_t n = axes.size();
  const int64_t outer = c.rank("self") - static_cast<int64_t>(n);
  Windows w;
  w.values = c.tensor("self");
  std::vector<int64_t> perm(static_cast<std::size_t>(outer));
  std::iota(perm.begin(), perm.end(), 0);
  for (std::size_t i = 0; i < n; ++i) {
    const V positions = window_positions(b, axes[i]);
    w.values = b.gather(w.values, positions, outer + 2 * static_cast<int64_t>(i));
    const V index = spread(b, positions, i, n);
    w.positions = w.positions ? b.add(b.mul(w.positions, b.as_scalar(axes[i].in)), index) : index;
    perm.push_back(outer + 2 * static_cast<int64_t>(i));
  }
  for (std::size_t i = 0; i < n; ++i) perm.push_back(outer + 2 * static_cast<int64_t>(i) + 1);
  Sizes sizes = c.out_sizes();
  sizes.emplace_back(-1);
  w.values = b.reshape(b.transpose(w.values, perm), sizes);
  w.positions = b.reshape(w.positions, Sizes(sizes.begin() + outer, sizes.end()));
  return w;
}

// Both results of the windows, which need no equal lengths.
Values max_of_windows(Context& c, const std::vector<Axis>& axes) {
  Builder& b = c.b;
  const Windows w = lay_out(c, axes);
  const int64_t last = c.rank("self");
  const V best = b.op("ArgMax", {w.values}, {{"axis", last}, {"keepdims", 1}});
  Sizes sizes = b.sizes_of(w.values);
  const V indices = b.op("GatherElements", {b.expand(w.positions, sizes), best}, {{"axis", last}});
  return {b.reduce("ReduceMax", w.values, {last}, false), b.squeeze(indices, {last})};
}

template <std::size_t N>
Values adaptive_max_pool(Context& c) {
  Builder& b = c.b;
  const std::vector<Axis> axes = pooled_axes(c, N);
  const auto kernel = even_windows(axes);
  if (!kernel) return max_of_windows(c, axes);
  const bool has_batch = c.rank("self") == N + 2;
  V x = c.tensor("self");
  if (!has_batch) x = b.unsqueeze(x, {0});
  Values results = b.ops("MaxPool", {x}, 2, {{"kernel_shape", *kernel}, {"strides", *kernel}});
  int64_t plane = 1;
  for (const Axis& a : axes) plane *= a.in.value;
  results[1] = b.op("Mod", {results[1], b.scalar_int(plane)});
  for (V& result : results) result = has_batch ? result : b.squeeze(result, {0});
  return results;
}

constexpr Row kRows[] = {
    {"aten::adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor", adaptive_avg_pool<1>},
    {"aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor", adaptive_avg_pool<2>},
    {"aten::adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor", adaptive_avg_pool<3>},
    {"aten::_adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor", adaptive_avg_pool<2>},
    {"aten::_adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor", adaptive_avg_pool<3>},
    {"aten::adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)", adaptive_max_pool<1>},
    {"aten::adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)", adaptive_max_pool<2>},
    {"aten::adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)", adaptive_max_pool<3>},
};

}  // namespace

Family adaptive_pool_ops() { return kRows; }

}  // namespace modelexport::lower
