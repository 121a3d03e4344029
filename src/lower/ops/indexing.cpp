#include "lower/ops/indexing.h"

#include <algorithm>

namespace modelexport::lower {

std::vector<Index> parse_indices(Context& c) {
  const Values values = c.tensors("indices");
  const auto& arguments = *c.node.find("indices")->as<program::Arguments>();
  std::vector<Index> indices;
  int64_t axis = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) {
      ++axis;
      continue;
    }
    const program::Value& recorded = c.recorded(arguments[i]);
    Index index{.axis = axis, .value = values[i], .sizes = recorded.sizes};
    index.is_mask = recorded.dtype == DType::Bool || recorded.dtype == DType::UInt8;
    if (index.is_mask) {
      index.n_axes = static_cast<int64_t>(recorded.sizes.size());
      index.value = c.b.cast(index.value, DType::Bool);
    }
    axis += index.n_axes;
    indices.push_back(std::move(index));
  }
  return indices;
}

void clamp(Context& c, std::vector<Index>& indices) {
  for (Index& index : indices) {
    const V last = c.b.as_scalar(c.b.size_sub(c.size_of(c.info("self").sizes[index.axis]), 1));
    index.value = c.b.clip(c.b.cast(index.value, DType::Int64), c.b.scalar_int(0), last);
  }
}

IndexedAxes::IndexedAxes(const std::vector<Index>& indices, int64_t rank) {
  for (const Index& index : indices) {
    for (int64_t i = 0; i < index.n_axes; ++i) axes.push_back(index.axis + i);
  }
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::ranges::find(axes, axis) == axes.end()) others.push_back(axis);
  }
  neighbours = axes.back() - axes.front() + 1 == static_cast<int64_t>(axes.size());
  place = neighbours ? axes.front() : 0;
}

std::vector<int64_t> IndexedAxes::picked_first() const {
  std::vector<int64_t> permutation = axes;
  permutation.insert(permutation.end(), others.begin(), others.end());
  return permutation;
}

std::vector<int64_t> IndexedAxes::to_place(int64_t index_rank) const {
  std::vector<int64_t> from = iota(index_rank);
  std::vector<int64_t> to = from;
  for (int64_t& axis : to) axis += place;
  return moving(index_rank + static_cast<int64_t>(others.size()), from, to);
}

namespace {

// Index tensors of recorded sizes, all expanded to what they broadcast to.
void expand_together(Context& c, Values& tensors, const std::vector<Dims>& sizes) {
  const Dims together = broadcast(sizes);
  for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i] = expand_dims(c, tensors[i], sizes[i], together);
}

// The same when a mask is among them, whose number of true elements is known at run time only.
void expand_at_run_time(Builder& b, Values& tensors) {
  V sum = tensors.front();
  for (std::size_t i = 1; i < tensors.size(); ++i) sum = b.add(sum, tensors[i]);
  const V sizes = b.shape_of(sum);
  for (V& tensor : tensors) tensor = b.op("Expand", {tensor, sizes});
}

}  // namespace

Positions stack_positions(Context& c, const std::vector<Index>& indices) {
  Builder& b = c.b;
  if (indices.size() == 1 && indices[0].is_mask) {
    return {b.transpose(b.op("NonZero", {indices[0].value}), {1, 0}), 1, indices[0].n_axes};
  }
  Values tensors;
  std::vector<Dims> sizes;
  bool any_mask = false;
  for (const Index& index : indices) {
    if (index.is_mask) {
      any_mask = true;
      const V found = b.op("NonZero", {index.value});
      for (int64_t i = 0; i < index.n_axes; ++i) tensors.push_back(b.gather(found, b.scalar_int(i), 0));
      sizes.push_back({kInferred});
    } else {
      tensors.push_back(b.cast(index.value, DType::Int64));
      sizes.push_back(index.sizes);
    }
  }
  const auto rank = static_cast<int64_t>(broadcast(sizes).size());
  if (any_mask) {
    expand_at_run_time(b, tensors);
  } else {
    expand_together(c, tensors, sizes);
  }
  for (V& tensor : tensors) tensor = b.unsqueeze(tensor, {rank});
  return {b.concat(tensors, rank), rank, static_cast<int64_t>(tensors.size())};
}

V merge_mask(Builder& b, const Index& mask) { return mask.n_axes == 1 ? mask.value : b.reshape(mask.value, {-1}); }

V merge_masked_axes(Context& c, V x, const Dims& sizes, const Index& mask) {
  if (mask.n_axes == 0) return c.b.unsqueeze(x, {mask.axis});
  if (mask.n_axes == 1) return x;
  Dims merged(sizes.begin(), sizes.begin() + mask.axis);
  merged.push_back(kInferred);
  merged.insert(merged.end(), sizes.begin() + mask.axis + mask.n_axes, sizes.end());
  return reshape_dims(c, x, sizes, merged);
}

}  // namespace modelexport::lower
