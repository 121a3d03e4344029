// Tensors from parts: cat, stack, grids, blocks; padding and repetition have files of their own.
#include <algorithm>

#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "lower/ops/pad.h"
#include "lower/ops/repeat.h"

namespace modelexport::lower {
namespace {

// The tensors of a list in the result's type.
Values parts_of(Context& c) {
  Values parts = c.tensors("tensors");
  for (V& part : parts) part = c.b.cast(part, c.out_dtype());
  return parts;
}

// aten::cat: parts without elements (among them torch's legacy 1-D ones) add nothing.
Values lower_cat(Context& c) {
  const Values parts = parts_of(c);
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  const int64_t axis = c.axis("dim", c.out_rank());
  Values kept;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool legacy = static_cast<int64_t>(shapes[i].size()) != c.out_rank();
    const program::Dim extent = legacy ? program::Dim{} : shapes[i][axis];
    if (!legacy && !(extent.is_static() && extent.value == 0)) kept.push_back(parts[i]);
  }
  if (kept.empty()) return {c.b.reshape(parts.front(), c.out_sizes())};
  return {c.b.concat(kept, axis)};
}

Values lower_stack(Context& c) {
  Values parts = parts_of(c);
  const int64_t axis = c.axis("dim", c.out_rank());
  for (V& part : parts) part = c.b.unsqueeze(part, {axis});
  return {c.b.concat(parts, axis)};
}

// hstack and its kin: each part gets the axes (of the result) that its rank lacks.
Values stack_raised(Context& c, int64_t axis, const std::vector<std::vector<int64_t>>& axes_by_rank) {
  Values parts = parts_of(c);
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t rank = shapes[i].size();
    if (rank < axes_by_rank.size()) parts[i] = c.b.unsqueeze(parts[i], axes_by_rank[rank]);
  }
  return {c.b.concat(parts, axis)};
}

Values lower_hstack(Context& c) { return stack_raised(c, c.out_rank() == 1 ? 0 : 1, {{0}}); }
Values lower_vstack(Context& c) { return stack_raised(c, 0, {{0, 1}, {0}}); }
Values lower_dstack(Context& c) { return stack_raised(c, 2, {{0, 1, 2}, {0, 2}, {2}}); }
Values lower_column_stack(Context& c) { return stack_raised(c, 1, {{0, 1}, {1}}); }

// ---- grids ----

// Tensor i of the list along axis i of a grid ("xy": the first two swapped), expanded to the grid.
Values grid(Context& c, bool swapped) {
  Values tensors = c.tensors("tensors");
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  const auto rank = static_cast<int64_t>(tensors.size());
  Dims extents;
  for (const Dims& shape : shapes) extents.push_back(shape.empty() ? program::Dim{.value = 1} : shape[0]);
  if (swapped && rank > 1) std::swap(extents[0], extents[1]);
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t axis = swapped && i < 2 && rank > 1 ? 1 - i : i;
    const V line = shapes[i].empty() ? c.b.unsqueeze(tensors[i], {0}) : tensors[i];
    Dims line_sizes(static_cast<std::size_t>(rank - axis), program::Dim{.value = 1});
    line_sizes.front() = extents[axis];
    tensors[i] = expand_dims(c, along_axis(c.b, line, axis, rank), line_sizes, extents);
  }
  return tensors;
}

Values lower_meshgrid(Context& c) { return grid(c, c.text_or("indexing", "ij") == "xy"); }

Values lower_cartesian_prod(Context& c) {
  Values columns = grid(c, false);
  if (columns.size() == 1) return columns;
  for (V& column : columns) column = c.b.unsqueeze(flatten(c.b, column), {1});
  return {c.b.concat(columns, 1)};
}

// All ways to choose `r` of n elements, in order, as rows; nothing when they have more than `most` numbers.
std::optional<std::vector<int64_t>> choices(int64_t n, int64_t r, bool with_replacement, std::size_t most) {
  std::vector<int64_t> rows;
  std::vector<int64_t> row(static_cast<std::size_t>(r));
  for (int64_t i = 0; i < r; ++i) row[i] = with_replacement ? 0 : i;
  if (r > 0 && row.back() >= n) return rows;
  while (rows.size() <= most) {
    rows.insert(rows.end(), row.begin(), row.end());
    // The last place that can still grow; the places after it follow.
    int64_t place = r - 1;
    while (place >= 0 && row[place] >= n - (with_replacement ? 1 : r - place)) --place;
    if (place < 0) return rows;
    ++row[place];
    for (int64_t i = place + 1; i < r; ++i) row[i] = row[i - 1] + (with_replacement ? 0 : 1);
  }
  return std::nullopt;
}

Values lower_combinations(Context& c) {
  const auto sizes = c.static_shape("self");
  const int64_t r = c.integer("r");
  if (!sizes) c.unsupported("combinations of a tensor with a symbolic size");
  if (r < 1) c.unsupported("combinations of no elements");
  constexpr std::size_t kMostNumbers = 1 << 20;
  const auto rows = choices(sizes->at(0), r, c.flag("with_replacement"), kMostNumbers);
  if (!rows) c.unsupported("more than a million numbers in combinations");
  const V positions = index_constant(c.b, {static_cast<int64_t>(rows->size()) / r, r}, *rows);
  return {c.b.gather(c.tensor("self"), positions, 0)};
}

// ---- blocks ----

// aten::block_diag: every block gets zeros to its left and right.
Values lower_block_diag(Context& c) {
  Values blocks = parts_of(c);
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  const Size width = c.size_of(c.out().sizes[1]);
  Size left = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t rank = shapes[i].size();
    if (rank < 2) blocks[i] = c.b.unsqueeze(blocks[i], iota(static_cast<int64_t>(2 - rank)));
    const Size own = rank == 0 ? Size(1) : c.size_of(shapes[i].back());
    const Size until = c.b.size_add(left, own);
    const V pads = c.b.shape_tensor({0, left, 0, c.b.size_sub(width, until)});
    blocks[i] = c.b.op("Pad", {blocks[i], pads});
    left = until;
  }
  return {c.b.concat(blocks, 0)};
}

// aten::_chunk_cat: every tensor, padded with zeros along `dim`, becomes `num_chunks` rows; rows are joined.
Values lower_chunk_cat(Context& c) {
  Values parts = parts_of(c);
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  const int64_t chunks = c.integer("num_chunks");
  const int64_t axis = c.axis("dim", static_cast<int64_t>(shapes.front().size()));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const program::Dim& extent = shapes[i].at(static_cast<std::size_t>(axis));
    if (!extent.is_static()) c.unsupported("chunks of a symbolic size");
    std::vector<int64_t> pads(2 * shapes[i].size(), 0);
    pads[shapes[i].size() + static_cast<std::size_t>(axis)] = (chunks - extent.value % chunks) % chunks;
    const V padded = c.b.op("Pad", {parts[i], c.b.ints(pads)});
    Sizes rows = c.sizes_of(Dims(shapes[i].begin(), shapes[i].begin() + axis));
    rows.insert(rows.end(), {chunks, -1});
    parts[i] = c.b.reshape(padded, rows);
  }
  return {c.b.concat(parts, axis + 1)};
}

// aten::kron: the axes of both alternate, and pairs of them merge.
Values lower_kron(Context& c) {
  const int64_t rank = c.out_rank();
  const auto spread = [&](std::string_view name, int64_t ones_at) {
    const int64_t missing = rank - c.rank(name);
    const V x = c.b.unsqueeze(c.operand(name, c.out_dtype()), iota(missing));
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < rank; ++i) axes.push_back(2 * i + ones_at);
    return c.b.unsqueeze(x, axes);
  };
  const V product = c.b.mul(spread("self", 1), spread("other", 0));
  return {reshape_dims(c, product, Dims(static_cast<std::size_t>(2 * rank), kInferred), c.out().sizes)};
}

const Row kRows[] = {
    {"aten::cat(Tensor[] tensors, int dim=0) -> Tensor", lower_cat},
    {"aten::cat.out(Tensor[] tensors, int dim=0, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::concat(Tensor[] tensors, int dim=0) -> Tensor", lower_cat},
    {"aten::concat.out(Tensor[] tensors, int dim=0, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::concatenate(Tensor[] tensors, int dim=0) -> Tensor", lower_cat},
    {"aten::stack(Tensor[] tensors, int dim=0) -> Tensor", lower_stack},
    {"aten::stack.out(Tensor[] tensors, int dim=0, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::hstack(Tensor[] tensors) -> Tensor", lower_hstack},
    {"aten::vstack(Tensor[] tensors) -> Tensor", lower_vstack},
    {"aten::row_stack(Tensor[] tensors) -> Tensor", lower_vstack},
    {"aten::dstack(Tensor[] tensors) -> Tensor", lower_dstack},
    {"aten::column_stack(Tensor[] tensors) -> Tensor", lower_column_stack},
    {"aten::_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor", lower_chunk_cat},

    {"aten::pad(Tensor self, SymInt[] pad, str mode=\"constant\", float? value=None) -> Tensor", lower_pad},
    {"aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor", lower_constant_pad},
    {"aten::reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor", lower_reflection_pad},
    {"aten::reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor", lower_reflection_pad},
    {"aten::reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor", lower_reflection_pad},
    {"aten::replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor", lower_replication_pad},
    {"aten::replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor", lower_replication_pad},
    {"aten::replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor", lower_replication_pad},
    {"aten::_pad_circular(Tensor self, SymInt[] pad) -> Tensor", lower_circular_pad},
    {"aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str "
     "padding_side=\"right\") -> Tensor",
     lower_pad_sequence},

    {"aten::repeat(Tensor self, SymInt[] repeats) -> Tensor", lower_repeat},
    {"aten::tile(Tensor self, SymInt[] dims) -> Tensor", lower_tile},
    {"aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor", lower_repeat_positions},
    {"aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> "
     "Tensor",
     lower_repeat_interleave_tensor},
    {"aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> "
     "Tensor",
     lower_repeat_interleave},
    {"aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", lower_fftshift},
    {"aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", lower_ifftshift},
    {"aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", lower_roll},
    {"aten::flip(Tensor self, int[] dims) -> Tensor", lower_flip},
    {"aten::fliplr(Tensor self) -> Tensor", lower_fliplr},
    {"aten::flipud(Tensor self) -> Tensor", lower_flipud},
    {"aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", lower_rot90},

    {"aten::meshgrid(Tensor[] tensors) -> Tensor[]", lower_meshgrid},
    {"aten::meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]", lower_meshgrid},
    {"aten::cartesian_prod(Tensor[] tensors) -> Tensor", lower_cartesian_prod},
    {"aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", lower_combinations},
    {"aten::block_diag(Tensor[] tensors) -> Tensor", lower_block_diag},
    {"aten::kron(Tensor self, Tensor other) -> Tensor", lower_kron},
};

}  // namespace

Family join_ops() { return kRows; }

}  // namespace modelexport::lower
