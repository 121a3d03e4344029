#include "lower/ops/view_scatter.h"

#include <algorithm>
#include <limits>

namespace modelexport::lower {
namespace {

// Writes `source`, of sizes `source_sizes`, at `positions` (int64[n]) of `axis` of x.
V write_positions(Context& c, V x, int64_t axis, V positions, V source, const Dims& source_sizes) {
  if (axis == 0) return c.b.op("ScatterND", {x, c.b.unsqueeze(positions, {1}), source});
  const auto rank = static_cast<int64_t>(source_sizes.size());
  const V index = along_axis(c.b, positions, axis, rank);
  Dims index_sizes(source_sizes.begin() + axis, source_sizes.begin() + axis + 1);
  index_sizes.resize(static_cast<std::size_t>(rank - axis), program::Dim{.value = 1});
  const V wide = expand_dims(c, index, index_sizes, source_sizes);
  return c.b.op("ScatterElements", {x, wide, source}, {{"axis", axis}});
}

// A slice bound as torch means it: negative ones count from the end, all are cut to the tensor.
Size normalized(Context& c, const Size& bound, const program::Dim& extent) {
  if (!bound.is_static()) return bound;
  if (extent.is_static()) {
    const int64_t positive = bound.value < 0 ? bound.value + extent.value : bound.value;
    return std::clamp<int64_t>(positive, 0, extent.value);
  }
  if (bound.value >= 0) return bound;
  return c.b.size_max(c.b.size_add(c.size_of(extent), bound), 0);
}

bool reaches_end(Context& c, const Size& written_end, const program::Dim& extent) {
  const bool open = !c.has("end") || c.size("end") == Size(std::numeric_limits<int64_t>::max());
  return open || (written_end.is_static() && extent.is_static() && written_end.value == extent.value);
}

}  // namespace

Values lower_select_scatter(Context& c) {
  const V x = c.tensor("self");
  const int64_t axis = c.axis("dim", "self");
  const program::Dim extent = c.info("self").sizes[axis];
  const V source = c.b.unsqueeze(c.operand("src", c.out_dtype()), {axis});
  if (is_one(extent)) return {source};
  const Size index = normalized(c, c.size("index"), extent);
  if (axis == 0) return {c.b.op("ScatterND", {x, c.b.reshape(c.b.as_vector(index), {1, 1}), source})};
  const V selected = c.b.op("Equal", {range(c.b, c.size_of(extent)), c.b.as_scalar(index)});
  return {c.b.where(along_axis(c.b, selected, axis, c.rank("self")), source, x)};
}

Values lower_slice_scatter(Context& c) {
  const V x = c.tensor("self");
  const V source = c.operand("src", c.out_dtype());
  const Dims& sizes = c.info("self").sizes;
  const Dims& source_sizes = c.info("src").sizes;
  if (sizes == source_sizes) return {source};
  const int64_t axis = c.axis("dim", "self");
  const int64_t step = c.integer("step");
  const Size start = normalized(c, c.has("start") ? c.size("start") : Size(0), sizes[axis]);
  const Size length = c.size_of(source_sizes[axis]);
  if (step != 1) {
    const V steps = c.b.mul(range(c.b, length), c.b.scalar_int(step));
    const V positions = c.b.add(steps, c.b.as_scalar(start));
    return {write_positions(c, x, axis, positions, source, source_sizes)};
  }
  Values parts;
  if (start != Size(0)) parts.push_back(c.b.slice(x, axis, 0, start));
  parts.push_back(source);
  const Size end = c.b.size_add(start, length);
  if (!reaches_end(c, end, sizes[axis])) {
    parts.push_back(c.b.slice(x, axis, end, std::numeric_limits<int64_t>::max()));
  }
  return {c.b.concat(parts, axis)};
}

// Where all indices are equal; with `wrap`, one diagonal of a tall matrix behind the other, a free row between them.
Values lower_fill_diagonal(Context& c) {
  Builder& b = c.b;
  const Sizes sizes = c.shape("self");
  const auto rank = static_cast<int64_t>(sizes.size());
  V row = range(b, sizes[0]);
  if (c.flag("wrap") && rank == 2) row = b.op("Mod", {row, b.as_scalar(b.size_add(sizes[1], 1))});
  V diagonal;
  for (int64_t axis = 1; axis < rank; ++axis) {
    const V index = along_axis(b, range(b, sizes[static_cast<std::size_t>(axis)]), axis, rank);
    const V equal = b.op("Equal", {along_axis(b, row, 0, rank), index});
    diagonal = diagonal ? b.op("And", {diagonal, equal}) : equal;
  }
  return {b.where(diagonal, c.scalar("fill_value", c.out_dtype()), c.tensor("self"))};
}

}  // namespace modelexport::lower
