#include "lower/ops/index_put.h"

namespace modelexport::lower {
namespace {

// Where in `values` the axis of a mask's true elements lies; negative when broadcasting adds it.
int64_t masked_axis_of_values(Context& c, const Index& mask) {
  const int64_t after = c.rank("self") - mask.axis - mask.n_axes;
  return c.rank("values") - after - 1;
}

// Whether every element that the mask picks gets the same value: then no position has to be computed.
bool is_fill(Context& c, const Index& mask) {
  const int64_t axis = masked_axis_of_values(c, mask);
  return axis < 0 || is_one(c.info("values").sizes[axis]);
}

V fill_masked(Context& c, V x, const Index& mask, V values, bool accumulate) {
  const int64_t axis = masked_axis_of_values(c, mask);
  if (axis >= 0 && mask.n_axes == 0) values = c.b.squeeze(values, {axis});
  if (axis >= 0 && mask.n_axes > 1) {
    std::vector<int64_t> ones;
    for (int64_t i = 1; i < mask.n_axes; ++i) ones.push_back(axis + i);
    values = c.b.unsqueeze(values, ones);
  }
  std::vector<int64_t> after;
  for (int64_t i = mask.axis + mask.n_axes; i < c.rank("self"); ++i) after.push_back(i - mask.axis);
  return c.b.where(c.b.unsqueeze(mask.value, after), accumulate ? c.b.add(x, values) : values, x);
}

// The sizes of x[indices]; those of index tensors may be known from the positions only.
struct PickedSizes {
  Dims dims;
  int64_t place;
  int64_t index_rank;

  PickedSizes(const Dims& sizes, const std::vector<Index>& indices, const IndexedAxes& indexed) : place(indexed.place) {
    std::vector<Dims> index_sizes;
    for (const Index& index : indices) index_sizes.push_back(index.is_mask ? Dims{kInferred} : index.sizes);
    for (int64_t axis : indexed.others) dims.push_back(sizes[axis]);
    const Dims together = broadcast(index_sizes);
    index_rank = static_cast<int64_t>(together.size());
    dims.insert(dims.begin() + place, together.begin(), together.end());
  }

  [[nodiscard]] bool match(const Dims& values) const {
    if (values.size() != dims.size()) return false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (is_one(values[i]) && !is_one(dims[i])) return false;
    }
    return true;
  }

  V expand(Context& c, V values, const Positions& positions) const {
    Sizes sizes;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const auto index_axis = static_cast<int64_t>(i) - place;
      const bool of_index = index_axis >= 0 && index_axis < index_rank;
      sizes.push_back(of_index && !dims[i].is_static() ? c.b.size_of(positions.value, index_axis) : c.size_of(dims[i]));
    }
    return c.b.op("Expand", {values, c.b.shape_tensor(sizes)});
  }
};

V scatter_picked(Context& c, V x, const std::vector<Index>& indices, V values, bool accumulate) {
  const Dims& sizes = c.info("self").sizes;
  const IndexedAxes indexed(indices, c.rank("self"));
  const PickedSizes picked(sizes, indices, indexed);
  const Positions positions = stack_positions(c, indices);
  if (!picked.match(c.info("values").sizes)) values = picked.expand(c, values, positions);

  const std::vector<int64_t> picked_first = indexed.picked_first();
  Dims base_sizes;
  for (int64_t axis : picked_first) base_sizes.push_back(sizes[axis]);
  const V updates = c.b.transpose(values, inverse_permutation(indexed.to_place(positions.rank)));
  const V base = c.b.transpose(x, picked_first);
  const V written = scatter_nd(c, base, base_sizes, positions, updates, accumulate);
  return c.b.transpose(written, inverse_permutation(picked_first));
}

}  // namespace

Values lower_index_put(Context& c) {
  const V x = c.tensor("self");
  const V values = c.operand("values", c.out_dtype());
  const bool accumulate = c.flag("accumulate");
  const std::vector<Index> indices = parse_indices(c);
  if (indices.empty()) {
    const V all = expand_dims(c, values, c.info("values").sizes, c.out().sizes);
    return {accumulate ? c.b.add(x, all) : all};
  }
  if (indices.size() == 1 && indices[0].is_mask && is_fill(c, indices[0])) {
    return {fill_masked(c, x, indices[0], values, accumulate)};
  }
  for (const Index& index : indices) {
    if (is_empty(index.sizes)) return {x};
  }
  return {scatter_picked(c, x, indices, values, accumulate)};
}

// aten::_unsafe_masked_index_put_accumulate: adds the values where the mask holds.
Values lower_unsafe_masked_index_put(Context& c) {
  const bool is_bool = c.out_dtype() == DType::Bool;  // whose sum is "or"
  const DType dtype = is_bool ? DType::Int32 : c.out_dtype();
  const V x = c.operand("self", dtype);
  const V values = c.b.where(c.tensor("mask"), c.operand("values", dtype), c.b.scalar_int(0, dtype));
  std::vector<Index> indices = parse_indices(c);
  clamp(c, indices);
  const V sum = indices.empty() ? c.b.add(x, values) : scatter_picked(c, x, indices, values, true);
  return {c.b.cast(sum, c.out_dtype())};
}

// aten::put: index_put into the flat tensor.
Values lower_put(Context& c) {
  if (is_empty(c.info("index").sizes)) return {c.tensor("self")};
  const V x = flatten(c.b, c.tensor("self"));
  const V index = c.b.cast(flatten(c.b, c.tensor("index")), DType::Int64);
  const Positions positions{c.b.unsqueeze(index, {1}), 1, 1};
  const V source = flatten(c.b, c.operand("source", c.out_dtype()));
  const auto numbers = c.static_shape("self");
  program::Dim flat = kInferred;
  if (numbers) {
    flat = {.value = 1};
    for (int64_t size : *numbers) flat.value *= size;
  } else if (c.b.opset() < 16 && c.flag("accumulate")) {
    c.unsupported("accumulating into a tensor with symbolic sizes needs opset 16");
  }
  const V written = scatter_nd(c, x, {flat}, positions, source, c.flag("accumulate"));
  return {reshape_dims(c, written, {flat}, c.info("self").sizes)};
}

Values lower_masked_fill(Context& c) {
  const V mask = c.b.cast(c.tensor("mask"), DType::Bool);
  return {c.b.where(mask, c.operand("value", c.out_dtype()), c.tensor("self"))};
}

// aten::masked_scatter: the true elements get the source's elements one after the other.
Values lower_masked_scatter(Context& c) {
  const Dims& sizes = c.out().sizes;
  const V x = expand_dims(c, c.tensor("self"), c.info("self").sizes, sizes);
  const V mask = expand_dims(c, c.tensor("mask"), c.info("mask").sizes, sizes);
  const V source = flatten(c.b, c.operand("source", c.out_dtype()));
  if (sizes.empty()) {
    const V first = c.b.gather(source, c.b.scalar_int(0), 0);
    return {c.b.where(mask, first, x)};
  }
  const V positions = c.b.transpose(c.b.op("NonZero", {mask}), {1, 0});
  const V used = c.b.slice(source, 0, 0, c.b.size_of(positions, 0));
  return {c.b.op("ScatterND", {x, positions, used})};
}

Values lower_masked_select(Context& c) {
  Dims sizes = broadcast({c.info("self").sizes, c.info("mask").sizes});
  if (sizes.empty()) sizes = {{.value = 1}};  // Compress wants an axis
  const V x = expand_dims(c, c.tensor("self"), c.info("self").sizes, sizes);
  const V mask = expand_dims(c, c.tensor("mask"), c.info("mask").sizes, sizes);
  return {c.b.op("Compress", {x, flatten(c.b, mask)})};
}

Values lower_where(Context& c) {
  const V condition = c.b.cast(c.tensor("condition"), DType::Bool);
  return {c.b.where(condition, c.operand("self", c.out_dtype()), c.operand("other", c.out_dtype()))};
}

}  // namespace modelexport::lower
