#include "lower/ops/strided.h"

#include <algorithm>
#include <numeric>

#include "lower/view_layout.h"

namespace modelexport::lower {
namespace {

// The axes of a dense tensor from the outermost in memory to the innermost; an unsupported operator when it has gaps
// or overlaps. Sizes seen during capture decide where sizes are symbolic.
std::vector<int64_t> memory_order(Context& c) {
  const program::Value& self = c.info("self");
  std::vector<int64_t> order = iota(static_cast<int64_t>(self.sizes.size()));
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return self.strides[a].value > self.strides[b].value; });
  int64_t expected = 1;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    if (self.sizes[*axis].value != 1 && self.strides[*axis].value != expected) {
      c.unsupported("as_strided of a tensor whose memory has gaps");
    }
    expected *= self.sizes[*axis].value;
  }
  return order;
}

// Where the elements of as_strided(size, stride, storage_offset) lie in the flat tensor, as int64[size].
V strided_positions(Context& c) {
  const Sizes sizes = c.sizes("size");
  const Sizes strides = c.sizes("stride");
  V positions = c.b.as_scalar(c.has("storage_offset") ? c.size("storage_offset") : Size(0));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const V steps = c.b.mul(range(c.b, sizes[i]), c.b.as_scalar(strides[i]));
    positions = c.b.add(c.b.unsqueeze(positions, {static_cast<int64_t>(i)}), steps);
  }
  return positions;
}

// A view of a larger memory may be left through as_strided, where its own elements are all that the graph has.
void refuse_foreign_memory(Context& c) {
  const auto own = c.static_shape("self");
  const auto sizes = static_sizes(c.sizes("size"));
  const auto strides = static_sizes(c.sizes("stride"));
  if (!own || !sizes || !strides || std::ranges::count(*sizes, 0) != 0) return;
  int64_t last = c.integer_or("storage_offset", 0);
  for (std::size_t i = 0; i < sizes->size(); ++i) last += (sizes->at(i) - 1) * strides->at(i);
  const int64_t numel = std::accumulate(own->begin(), own->end(), int64_t{1}, std::multiplies{});
  if (last >= numel) c.unsupported("as_strided that reaches beyond the tensor's own memory");
}

// The two axes of a diagonal moved to the end and merged, and how to walk them.
struct Diagonal {
  std::vector<int64_t> permutation;
  Dims sizes;  // after the permutation
  Size columns = 0;
  Size first = 0;   // of the merged axis
  Size length = 0;  // of the diagonal

  Diagonal(Context& c, std::string_view self, const program::Dim& diagonal_length) {
    const program::Value& info = c.info(self);
    const int64_t rank = c.rank(self);
    const int64_t offset = c.integer("offset");
    permutation = moving(rank, {c.axis("dim1", self), c.axis("dim2", self)}, {rank - 2, rank - 1});
    for (int64_t axis : permutation) sizes.push_back(info.sizes[axis]);
    columns = c.size_of(sizes.back());
    first = offset >= 0 ? Size(offset) : c.b.size_mul(columns, -offset);
    length = c.size_of(diagonal_length);
  }

  [[nodiscard]] Dims merged() const {
    Dims dims(sizes.begin(), sizes.end() - 2);
    const program::Dim& rows = sizes[sizes.size() - 2];
    const bool known = rows.is_static() && sizes.back().is_static();
    dims.push_back(known ? program::Dim{.value = rows.value * sizes.back().value} : kInferred);
    return dims;
  }

  // x with the merged axis last.
  V merge(Context& c, V x) const { return reshape_dims(c, c.b.transpose(x, permutation), sizes, merged()); }

  // The inverse of merge.
  V unmerge(Context& c, V x) const {
    return c.b.transpose(reshape_dims(c, x, merged(), sizes), inverse_permutation(permutation));
  }

  V positions(Context& c) const {
    const V steps = c.b.mul(range(c.b, length), c.b.as_scalar(c.b.size_add(columns, 1)));
    return c.b.add(steps, c.b.as_scalar(first));
  }
};

V diagonal_of(Context& c, std::string_view self) {
  const Diagonal diagonal(c, self, c.out().sizes.back());
  const V merged = diagonal.merge(c, c.tensor(self));
  const int64_t axis = c.rank(self) - 2;
  if (!diagonal.columns.is_static()) return c.b.gather(merged, diagonal.positions(c), axis);
  const int64_t step = diagonal.columns.value + 1;
  const Size end = c.b.size_add(diagonal.first, c.b.size_mul(diagonal.length, step));
  return c.b.slice(merged, axis, diagonal.first, end, step);
}

// x[..., n] on the diagonal `offset` of zeros [..., n+|offset|, n+|offset|].
V embed_diagonal(Context& c, V x, int64_t rank, const program::Dim& extent, int64_t offset) {
  const int64_t distance = std::abs(offset);
  if (distance > 0) {
    std::vector<int64_t> pads(static_cast<std::size_t>(2 * rank), 0);
    pads.back() = distance;
    x = c.b.op("Pad", {x, c.b.ints(pads)});
  }
  const V positions = range(c.b, c.b.size_add(c.size_of(extent), distance));
  const V rows = c.b.add(c.b.unsqueeze(positions, {1}), c.b.scalar_int(offset));
  const V on_diagonal = c.b.op("Equal", {rows, positions});
  // Above the main diagonal the row numbers the element, below it the column.
  const V values = c.b.unsqueeze(x, {offset >= 0 ? rank : rank - 1});
  return c.b.where(on_diagonal, values, c.b.scalar(0, c.out_dtype()));
}

}  // namespace

Values lower_as_strided(Context& c) {
  refuse_foreign_memory(c);
  const V flat = flatten(c.b, c.b.transpose(c.tensor("self"), memory_order(c)));
  return {c.b.gather(flat, strided_positions(c), 0)};
}

// aten::resize: as many elements as there is place for, in memory order; the places beyond hold anything, here 0.
Values lower_resize(Context& c) {
  if (!is_row_major(c.info("self")) || !is_row_major(c.out())) {
    c.unsupported("a change of size in which elements do not lie in memory in the order of their axes");
  }
  V elements = flatten(c.b, c.tensor("self"));
  Size wanted = 1;
  for (const Size& size : c.out_sizes()) wanted = c.b.size_mul(wanted, size);
  const Size missing = c.b.size_max(c.b.size_sub(wanted, c.b.size_of(elements, 0)), 0);
  if (missing != Size(0)) {
    elements = c.b.concat({elements, c.b.expand(c.b.scalar(0, c.out_dtype()), {missing})}, 0);
  }
  return {c.b.reshape(c.b.slice(elements, 0, 0, wanted), c.out_sizes())};
}

Values lower_as_strided_scatter(Context& c) {
  const std::vector<int64_t> order = memory_order(c);
  const V stored = c.b.transpose(c.tensor("self"), order);
  const V positions = flatten(c.b, strided_positions(c));
  const V source = flatten(c.b, c.operand("src", c.out_dtype()));
  const V flat = c.b.op("ScatterElements", {flatten(c.b, stored), positions, source}, {{"axis", 0}});
  Dims sizes;
  for (int64_t axis : order) sizes.push_back(c.info("self").sizes[axis]);
  return {c.b.transpose(reshape_dims(c, flat, {kInferred}, sizes), inverse_permutation(order))};
}

Values lower_diagonal(Context& c) { return {diagonal_of(c, "self")}; }

Values lower_linalg_diagonal(Context& c) { return {diagonal_of(c, "A")}; }

Values lower_diagonal_scatter(Context& c) {
  const Dims& src = c.info("src").sizes;
  const Diagonal diagonal(c, "self", src.back());
  const V merged = diagonal.merge(c, c.tensor("self"));
  const V positions = expand_dims(c, diagonal.positions(c), {src.back()}, src);
  const V written =
      c.b.op("ScatterElements", {merged, positions, c.operand("src", c.out_dtype())}, {{"axis", c.rank("self") - 2}});
  return {diagonal.unmerge(c, written)};
}

Values lower_diag(Context& c) {
  const int64_t offset = c.integer("diagonal");
  const Dims& sizes = c.info("self").sizes;
  if (sizes.size() == 1) return {embed_diagonal(c, c.tensor("self"), 1, sizes[0], offset)};
  const Size columns = c.size_of(sizes[1]);
  const Size first = offset >= 0 ? Size(offset) : c.b.size_mul(columns, -offset);
  const V steps = c.b.mul(range(c.b, c.size_of(c.out().sizes[0])), c.b.as_scalar(c.b.size_add(columns, 1)));
  return {c.b.gather(flatten(c.b, c.tensor("self")), c.b.add(steps, c.b.as_scalar(first)), 0)};
}

Values lower_diagflat(Context& c) {
  program::Dim extent{.value = 1};
  for (const program::Dim& size : c.info("self").sizes) {
    if (!size.is_static()) c.unsupported("diagflat of a tensor with symbolic sizes");
    extent.value *= size.value;
  }
  return {embed_diagonal(c, flatten(c.b, c.tensor("self")), 1, extent, c.integer("offset"))};
}

Values lower_diag_embed(Context& c) {
  const Dims& sizes = c.info("self").sizes;
  const int64_t rank = c.rank("self");
  int64_t offset = c.integer("offset");
  const int64_t dim1 = c.axis("dim1", rank + 1);
  const int64_t dim2 = c.axis("dim2", rank + 1);
  const V embedded = embed_diagonal(c, c.tensor("self"), rank, sizes.back(), offset);
  return {c.b.transpose(embedded, moving(rank + 1, {rank - 1, rank}, {dim1, dim2}))};
}

Values lower_unfold(Context& c) {
  const V x = c.tensor("self");
  const Dims& from = c.info("self").sizes;
  if (from.empty()) return {reshape_dims(c, x, from, c.out().sizes)};
  const int64_t rank = c.rank("self");
  const int64_t axis = c.axis("dimension", "self");
  const int64_t size = c.integer("size");
  const int64_t step = c.integer("step");
  const program::Dim windows = c.out().sizes[axis];
  const std::vector<int64_t> window_last = moving(rank + 1, {axis + 1}, {rank});

  if (size == step && windows.is_static() && from[axis].is_static() && from[axis].value == windows.value * size) {
    Dims split = from;
    split[axis] = windows;
    split.insert(split.begin() + axis + 1, program::Dim{.value = size});
    return {c.b.transpose(reshape_dims(c, x, from, split), window_last)};
  }
  const V starts = c.b.mul(range(c.b, c.size_of(windows)), c.b.scalar_int(step));
  const V positions = c.b.add(c.b.unsqueeze(starts, {1}), range(c.b, size));
  return {c.b.transpose(c.b.gather(x, positions, axis), window_last)};
}

}  // namespace modelexport::lower
