#include "lower/ops/repeat.h"

#include <algorithm>
#include <limits>

namespace modelexport::lower {
namespace {

// The whole of x, repeats[i] times along axis i; x gets as many leading axes as there are more repeats.
Values repeat(Context& c, Sizes repeats) {
  V x = c.tensor("self");
  Dims sizes = c.info("self").sizes;
  if (repeats.size() < sizes.size()) repeats.insert(repeats.begin(), sizes.size() - repeats.size(), 1);
  const std::size_t new_axes = repeats.size() - sizes.size();
  sizes.insert(sizes.begin(), new_axes, program::Dim{.value = 1});

  bool repeats_ones_only = true;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] != Size(1) && !is_one(sizes[i])) repeats_ones_only = false;
  }
  if (repeats_ones_only) return {expand_dims(c, x, c.info("self").sizes, c.out().sizes)};
  x = c.b.unsqueeze(x, iota(static_cast<int64_t>(new_axes)));
  return {c.b.op("Tile", {x, c.b.shape_tensor(repeats)})};
}

// Element i stands repeats[i] times: 0, 0, 1, 2, 2, ...
V repeated_positions(Context& c, V repeats) {
  if (const auto numbers = c.b.const_ints(repeats)) {
    std::vector<int64_t> positions;
    for (std::size_t i = 0; i < numbers->size(); ++i) {
      positions.insert(positions.end(), static_cast<std::size_t>((*numbers)[i]), static_cast<int64_t>(i));
    }
    return c.b.ints(positions);
  }
  const V ends = c.b.op("CumSum", {repeats, c.b.scalar_int(0)});
  const Size total = c.has("output_size") ? c.size("output_size") : Size(c.b.reduce("ReduceSum", repeats, {0}, true));
  const V places = c.b.unsqueeze(range(c.b, total), {1});
  return count_true(c.b, c.b.op("GreaterOrEqual", {places, ends}), 1);
}

V rotate(Context& c, V x, int64_t axis, const program::Dim& extent, const Size& shift) {
  if (extent.is_static() && shift.is_static()) {
    if (extent.value == 0 || shift.value % extent.value == 0) return x;
    const int64_t cut = -shift.value;  // a slice bound: negative ones count from the end
    const int64_t start = ((cut % extent.value) + extent.value) % extent.value;
    return c.b.concat({c.b.slice(x, axis, start, std::numeric_limits<int64_t>::max()), c.b.slice(x, axis, 0, start)},
                      axis);
  }
  const V places = c.b.sub(range(c.b, c.size_of(extent)), c.b.as_scalar(shift));
  return c.b.gather(x, c.b.op("Mod", {places, c.b.as_scalar(c.size_of(extent))}), axis);
}

V flip(Builder& b, V x, const std::vector<int64_t>& axes) {
  if (axes.empty()) return x;
  const std::vector<int64_t> last(axes.size(), -1);
  const std::vector<int64_t> before_first(axes.size(), std::numeric_limits<int64_t>::min());
  return b.op("Slice", {x, b.ints(last), b.ints(before_first), b.ints(axes), b.ints(last)});
}

}  // namespace

Values lower_repeat(Context& c) { return repeat(c, c.sizes("repeats")); }
Values lower_tile(Context& c) { return repeat(c, c.sizes("dims")); }

// aten::repeat_interleave.self_int: every slice of the axis `repeats` times in a row.
Values lower_repeat_interleave(Context& c) {
  V x = c.tensor("self");
  Dims sizes = c.info("self").sizes;
  int64_t axis = 0;
  if (c.has("dim")) {
    axis = c.axis("dim", "self");
  } else {
    x = flatten(c.b, x);
  }
  const Size repeats = c.size("repeats");
  if (repeats == Size(1)) return {reshape_dims(c, x, c.has("dim") ? sizes : c.out().sizes, c.out().sizes)};
  if (!c.has("dim")) sizes = {kInferred};
  if (is_one(sizes[axis])) return {expand_dims(c, x, sizes, c.out().sizes)};

  Sizes copies(sizes.size() + 1, 1);
  copies[axis + 1] = repeats;
  const V copied = c.b.op("Expand", {c.b.unsqueeze(x, {axis + 1}), c.b.shape_tensor(copies)});
  Dims copied_sizes = sizes;
  copied_sizes.insert(copied_sizes.begin() + axis + 1, kInferred);
  return {reshape_dims(c, copied, copied_sizes, c.out().sizes)};
}

Values lower_repeat_interleave_tensor(Context& c) {
  V x = c.tensor("self");
  program::Dim extent = kInferred;
  int64_t axis = 0;
  if (c.has("dim") && c.rank("self") > 0) {
    axis = c.axis("dim", "self");
    extent = c.info("self").sizes[axis];
  } else {
    x = flatten(c.b, x);
  }
  V repeats = flatten(c.b, c.b.cast(c.tensor("repeats"), DType::Int64));
  const Dims& given = c.info("repeats").sizes;
  // One number for all elements.
  if (given.empty() || is_one(given[0])) repeats = c.b.op("Expand", {repeats, c.b.as_vector(c.b.size_of(x, axis))});
  return {c.b.gather(x, repeated_positions(c, repeats), axis)};
}

// aten::repeat_interleave.Tensor: the positions themselves.
Values lower_repeat_positions(Context& c) {
  return {repeated_positions(c, c.b.cast(c.tensor("repeats"), DType::Int64))};
}

Values lower_roll(Context& c) {
  const Sizes shifts = c.sizes("shifts");
  const std::vector<int64_t> axes = c.axes("dims", "self");
  const Dims& sizes = c.info("self").sizes;
  V x = c.tensor("self");
  if (sizes.empty() || is_empty(sizes)) return {x};
  if (axes.empty()) {
    const auto numbers = c.static_shape("self");
    if (!numbers) c.unsupported("rolling a flattened tensor with symbolic sizes");
    program::Dim flat{.value = 1};
    for (int64_t size : *numbers) flat.value *= size;
    return {reshape_dims(c, rotate(c, flatten(c.b, x), 0, flat, shifts.at(0)), {flat}, sizes)};
  }
  for (std::size_t i = 0; i < axes.size(); ++i) x = rotate(c, x, axes[i], sizes[axes[i]], shifts.at(i));
  return {x};
}

namespace {

// Half way round every axis, so that the middle comes first or last.
Values shifted_by_half(Context& c, int64_t rounding) {
  const std::vector<int64_t> axes = c.has("dim") ? c.axes("dim", "self") : iota(c.rank("self"));
  V x = c.tensor("self");
  for (int64_t axis : axes) {
    const program::Dim& extent = c.info("self").sizes.at(static_cast<std::size_t>(axis));
    const Size half = c.b.size_floordiv(c.b.size_add(c.size_of(extent), rounding), 2);
    x = rotate(c, x, axis, extent, half);
  }
  return {x};
}

}  // namespace

Values lower_fftshift(Context& c) { return shifted_by_half(c, 0); }
Values lower_ifftshift(Context& c) { return shifted_by_half(c, 1); }

Values lower_flip(Context& c) {
  if (c.rank("self") == 0) return {c.tensor("self")};
  return {flip(c.b, c.tensor("self"), c.axes("dims", "self"))};
}
Values lower_fliplr(Context& c) { return {flip(c.b, c.tensor("self"), {1})}; }
Values lower_flipud(Context& c) { return {flip(c.b, c.tensor("self"), {0})}; }

// aten::rot90: k quarter turns from the first axis towards the second.
Values lower_rot90(Context& c) {
  const std::vector<int64_t> axes = c.axes("dims", "self");
  const V x = c.tensor("self");
  const int64_t turns = ((c.integer("k") % 4) + 4) % 4;
  if (turns == 0) return {x};
  if (turns == 2) return {flip(c.b, x, axes)};
  std::vector<int64_t> swapped = iota(c.rank("self"));
  std::swap(swapped[axes[0]], swapped[axes[1]]);
  return {c.b.transpose(flip(c.b, x, {turns == 1 ? axes[1] : axes[0]}), swapped)};
}

}  // namespace modelexport::lower
