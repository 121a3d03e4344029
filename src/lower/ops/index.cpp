// Reading elements at given positions: index, gather, take, embedding.
#include <algorithm>
#include <limits>

#include "lower/ops/families.h"
#include "lower/ops/indexing.h"

namespace modelexport::lower {
namespace {

// Whether an index tensor is 0, 1, ..., n-1 for an axis of size n: it picks everything, in order.
bool picks_all(Context& c, V index, const program::Dim& extent) {
  if (!extent.is_static()) return false;
  const auto numbers = c.b.const_ints(index);
  return numbers && *numbers == iota(extent.value);
}

// The axes along which an index tensor varies, within the `rank` axes that all of them broadcast to.
std::vector<int64_t> varying_axes(const Index& index, int64_t rank) {
  std::vector<int64_t> axes;
  const int64_t offset = rank - static_cast<int64_t>(index.sizes.size());
  for (std::size_t i = 0; i < index.sizes.size(); ++i) {
    if (!is_one(index.sizes[i])) axes.push_back(offset + static_cast<int64_t>(i));
  }
  return axes;
}

// Whether the index tensors, as in x[rows[:, None], columns], vary along axes of their own, one after the other.
bool picks_a_grid(const std::vector<Index>& indices, const IndexedAxes& indexed, int64_t index_rank) {
  if (!indexed.neighbours) return false;
  int64_t last = -1;
  for (const Index& index : indices) {
    if (index.is_mask) return false;
    const auto axes = varying_axes(index, index_rank);
    if (!axes.empty() && axes.front() <= last) return false;
    if (!axes.empty()) last = axes.back();
  }
  return true;
}

// One Gather an axis, and none for an axis of which everything is picked.
V gather_grid(Context& c, V x, const std::vector<Index>& indices, const IndexedAxes& indexed, int64_t index_rank) {
  const Dims& extents = c.info("self").sizes;
  std::vector<bool> varies(static_cast<std::size_t>(index_rank), false);
  int64_t axis = indexed.place;
  for (const Index& index : indices) {
    const auto own_axes = varying_axes(index, index_rank);
    std::vector<int64_t> ones;
    for (std::size_t i = 0; i < index.sizes.size(); ++i) {
      if (is_one(index.sizes[i])) ones.push_back(static_cast<int64_t>(i));
    }
    const V own = c.b.squeeze(index.value, ones);
    if (own_axes.size() != 1 || !picks_all(c, own, extents[index.axis])) x = c.b.gather(x, own, axis);
    axis += static_cast<int64_t>(index.sizes.size() - ones.size());
    for (int64_t own_axis : own_axes) varies[own_axis] = true;
  }
  std::vector<int64_t> ones;
  for (int64_t i = 0; i < index_rank; ++i) {
    if (!varies[i]) ones.push_back(indexed.place + i);
  }
  return c.b.unsqueeze(x, ones);
}

V lower_single_mask(Context& c, V x, const Index& mask) {
  const Dims& sizes = c.info("self").sizes;
  const V flat_mask = merge_mask(c.b, mask);
  if (mask.n_axes == static_cast<int64_t>(sizes.size()) && mask.n_axes > 0) return c.b.op("Compress", {x, flat_mask});
  return c.b.op("Compress", {merge_masked_axes(c, x, sizes, mask), flat_mask}, {{"axis", mask.axis}});
}

Values lower_index(Context& c) {
  const V x = c.tensor("self");
  const std::vector<Index> indices = parse_indices(c);
  if (indices.empty()) return {x};
  if (indices.size() == 1 && indices[0].is_mask) return {lower_single_mask(c, x, indices[0])};
  if (indices.size() == 1) return {c.b.gather(x, indices[0].value, indices[0].axis)};

  const IndexedAxes indexed(indices, c.rank("self"));
  std::vector<Dims> sizes;
  for (const Index& index : indices) sizes.push_back(index.sizes);
  const auto index_rank = static_cast<int64_t>(broadcast(sizes).size());
  if (picks_a_grid(indices, indexed, index_rank)) return {gather_grid(c, x, indices, indexed, index_rank)};

  const Positions positions = stack_positions(c, indices);
  const V picked = c.b.op("GatherND", {c.b.transpose(x, indexed.picked_first()), positions.value});
  return {c.b.transpose(picked, indexed.to_place(positions.rank))};
}

// aten::_unsafe_masked_index: the elements where the mask holds, `fill` elsewhere; indices may be out of range there.
Values lower_unsafe_masked_index(Context& c) {
  const V x = c.tensor("self");
  const V mask = c.tensor("mask");
  std::vector<Index> indices = parse_indices(c);
  if (indices.empty()) return {c.b.where(mask, x, c.scalar("fill", c.out_dtype()))};
  clamp(c, indices);
  const IndexedAxes indexed(indices, c.rank("self"));
  const Positions positions = stack_positions(c, indices);
  const V picked = c.b.op("GatherND", {c.b.transpose(x, indexed.picked_first()), positions.value});
  const V placed = c.b.transpose(picked, indexed.to_place(positions.rank));
  return {c.b.where(mask, placed, c.scalar("fill", c.out_dtype()))};
}

// GatherElements wants a rank of at least 1.
V gather_elements(Context& c, V x, int64_t rank, V index, int64_t index_rank, int64_t axis) {
  if (rank == 0) x = c.b.unsqueeze(x, {0});
  if (index_rank == 0) index = c.b.unsqueeze(index, {0});
  const V gathered = c.b.op("GatherElements", {x, index}, {{"axis", axis}});
  return index_rank == 0 ? c.b.squeeze(gathered, {0}) : gathered;
}

Values lower_gather(Context& c) {
  const Dims& index_sizes = c.info("index").sizes;
  if (is_empty(index_sizes)) return {expand_dims(c, c.b.scalar_int(0, c.out_dtype()), {}, index_sizes)};
  const int64_t axis = c.rank("self") == 0 ? 0 : c.axis("dim", "self");
  return {gather_elements(c, c.tensor("self"), c.rank("self"), c.tensor("index"), c.rank("index"), axis)};
}

Values lower_take(Context& c) { return {c.b.gather(flatten(c.b, c.tensor("self")), c.tensor("index"), 0)}; }

Values lower_take_along_dim(Context& c) {
  const V x = c.tensor("self");
  const V index = c.tensor("indices");
  if (!c.has("dim")) return {c.b.gather(flatten(c.b, x), flatten(c.b, index), 0)};
  const int64_t axis = c.axis("dim", "self");
  Dims x_sizes = c.out().sizes;
  x_sizes[axis] = c.info("self").sizes[axis];
  const V wide_x = expand_dims(c, x, c.info("self").sizes, x_sizes);
  const V wide_index = expand_dims(c, index, c.info("indices").sizes, c.out().sizes);
  return {gather_elements(c, wide_x, c.rank("self"), wide_index, c.out_rank(), axis)};
}

Values lower_index_select(Context& c) {
  const V x = c.tensor("self");
  const V index = c.tensor("index");
  if (c.rank("self") == 0) return {c.b.squeeze(c.b.gather(c.b.unsqueeze(x, {0}), flatten(c.b, index), 0), {0})};
  return {c.b.gather(x, flatten(c.b, index), c.axis("dim", "self"))};
}

Values lower_embedding(Context& c) { return {c.b.gather(c.tensor("weight"), c.tensor("indices"), 0)}; }

// aten::embedding_renorm: the rows that the indices name are shortened to max_norm.
Values lower_embedding_renorm(Context& c) {
  const V weight = c.tensor("self");
  const DType dtype = c.out_dtype();
  const V max_norm = c.scalar("max_norm", dtype);
  const V exponent = c.scalar("norm_type", dtype);
  const V powers = c.b.reduce("ReduceSum", c.b.op("Pow", {c.b.op("Abs", {weight}), exponent}), {1}, true);
  const V norm = c.b.op("Pow", {powers, c.b.scalar(1 / c.number("norm_type"), dtype)});
  const V scale = c.b.div(max_norm, c.b.add(norm, c.b.scalar(1e-7, dtype)));
  const V rows = c.b.unsqueeze(range(c.b, c.size_of(c.info("self").sizes[0])), {1});
  const V named = any_of(c.b, c.b.op("Equal", {rows, flatten(c.b, c.tensor("indices"))}), {1});
  const V too_long = c.b.op("And", {c.b.unsqueeze(named, {1}), c.b.op("Greater", {norm, max_norm})});
  return {c.b.where(too_long, c.b.mul(weight, scale), weight)};
}

// ---- embedding_bag: rows of a table, reduced bag by bag ----

enum BagMode : int64_t { kSum = 0, kMean = 1, kMax = 2 };

// bool[bags, indices]: bag k holds the indices from offsets[k] up to the next offset.
V assign_bags(Context& c, V offsets) {
  const V places = range(c.b, c.size_of(c.info("indices").sizes[0]));
  const V begun = c.b.op("GreaterOrEqual", {c.b.unsqueeze(places, {1}), offsets});
  const V number = c.b.sub(count_true(c.b, begun, 1), c.b.scalar_int(1));
  const V all = range(c.b, c.size_of(c.out().sizes[0]));
  return c.b.op("Equal", {c.b.unsqueeze(all, {1}), number});
}

V reduce_bags(Context& c, V rows, V in_bag, V counts, int64_t mode) {
  const DType dtype = c.out_dtype();
  if (mode == kMax) {
    const V low = c.b.scalar(-std::numeric_limits<double>::infinity(), dtype);
    const V members = c.b.where(c.b.unsqueeze(in_bag, {2}), c.b.unsqueeze(rows, {0}), low);
    const V largest = c.b.reduce("ReduceMax", members, {1}, false);
    const V is_empty_bag = c.b.op("Equal", {c.b.unsqueeze(counts, {1}), c.b.scalar_int(0)});
    return c.b.where(is_empty_bag, c.b.scalar(0, dtype), largest);
  }
  const V sums = c.b.op("MatMul", {c.b.cast(in_bag, dtype), rows});
  if (mode == kSum) return sums;
  const V at_least_one = c.b.op("Max", {c.b.unsqueeze(counts, {1}), c.b.scalar_int(1)});
  return c.b.div(sums, c.b.cast(at_least_one, dtype));
}

// The row that counts as padding, if any. In embedding_bag.padding_idx a negative number counts from the end; in
// _embedding_bag it means that there is none.
std::optional<Size> padding_row(Context& c) {
  if (!c.has("padding_idx")) return std::nullopt;
  const int64_t row = c.integer("padding_idx");
  if (row >= 0) return row;
  if (c.node.target.rfind("aten::_", 0) == 0) return std::nullopt;
  return c.b.size_add(c.size_of(c.info("weight").sizes[0]), row);
}

Values lower_embedding_bag(Context& c) {
  const int64_t mode = c.integer("mode");
  const V indices = c.b.cast(c.tensor("indices"), DType::Int64);
  V offsets = c.b.cast(c.tensor("offsets"), DType::Int64);
  if (c.flag("include_last_offset")) offsets = c.b.slice(offsets, 0, 0, -1);
  V in_bag = assign_bags(c, offsets);
  if (const auto padding = padding_row(c)) {
    const V is_padding = c.b.op("Equal", {indices, c.b.as_scalar(*padding)});
    in_bag = c.b.op("And", {in_bag, c.b.op("Not", {is_padding})});
  }
  V rows = c.b.gather(c.tensor("weight"), indices, 0);
  if (c.has("per_sample_weights")) rows = c.b.mul(rows, c.b.unsqueeze(c.tensor("per_sample_weights"), {1}));
  const V counts = count_true(c.b, in_bag, 1);
  const V reduced = reduce_bags(c, rows, in_bag, counts, mode);
  // The three others feed the backward pass only: they have no value here.
  return {reduced, V{}, V{}, V{}};
}

const Row kRows[] = {
    {"aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", lower_index},
    {"aten::index.Tensor_out(Tensor self, Tensor?[] indices, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", lower_index},
    {"aten::_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor",
     lower_unsafe_masked_index},
    {"aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", lower_gather},
    {"aten::gather.out(Tensor self, int dim, Tensor index, *, bool sparse_grad=False, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::take(Tensor self, Tensor index) -> Tensor", lower_take},
    {"aten::take.out(Tensor self, Tensor index, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", lower_take_along_dim},
    {"aten::take_along_dim.out(Tensor self, Tensor indices, int? dim=None, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::index_select(Tensor self, int dim, Tensor index) -> Tensor", lower_index_select},
    {"aten::index_select.out(Tensor self, int dim, Tensor index, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, "
     "bool sparse=False) -> Tensor",
     lower_embedding},
    {"aten::embedding.out(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, "
     "bool sparse=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor",
     lower_embedding_renorm},
    {"aten::embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)",
     kViaFunctional},
    {"aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
     "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, "
     "Tensor)",
     lower_embedding_bag},
    {"aten::embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int "
     "mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, "
     "Tensor, Tensor)",
     lower_embedding_bag},
    {"aten::_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
     "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> "
     "(Tensor, Tensor, Tensor, Tensor)",
     lower_embedding_bag},
    {"aten::_embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, "
     "int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int "
     "padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
     lower_embedding_bag},
};

}  // namespace

Family index_ops() { return kRows; }

}  // namespace modelexport::lower
