// Views: the same elements under other sizes. Torch recorded the sizes that come out, so most rows share one
// lowering.
#include <algorithm>

#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "lower/ops/strided.h"

namespace modelexport::lower {
namespace {

// aten::view, reshape, flatten, unflatten, ...: the recorded sizes say it all.
Values lower_reshape(Context& c) { return {reshape_dims(c, c.tensor("self"), c.info("self").sizes, c.out().sizes)}; }

Values lower_reshape_list(Context& c) {
  Values values = c.tensors("tensors");
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = reshape_dims(c, values[i], shapes[i], c.out(i).sizes);
  return values;
}

// aten::view.dtype: where the bytes of both types mean the same number, a cast.
Values lower_view_dtype(Context& c) {
  const DType from = c.dtype("self");
  const DType to = c.out_dtype();
  const bool same_bits = is_integral(from) && is_integral(to) && size_of(from) == size_of(to);
  const bool from_bool = from == DType::Bool && is_integral(to) && size_of(to) == 1;
  if (from != to && !same_bits && !from_bool) {
    c.unsupported("reinterpreting the bytes of " + std::string(name_of(from)) + " as " + std::string(name_of(to)));
  }
  return {c.b.cast(c.tensor("self"), to)};
}

Values lower_alias(Context& c) { return {c.tensor("self")}; }

Values swap_axes(Context& c, int64_t first, int64_t second) {
  std::vector<int64_t> permutation = iota(c.rank("self"));
  if (first != second) std::swap(permutation[first], permutation[second]);
  return {c.b.transpose(c.tensor("self"), permutation)};
}

Values lower_transpose(Context& c) { return swap_axes(c, c.axis("dim0", "self"), c.axis("dim1", "self")); }
Values lower_swapaxes(Context& c) { return swap_axes(c, c.axis("axis0", "self"), c.axis("axis1", "self")); }

// aten::t, mT: the last two axes; fewer than two stay as they are.
Values lower_matrix_transpose(Context& c) {
  const int64_t rank = c.rank("self");
  if (rank < 2) return lower_alias(c);
  return swap_axes(c, rank - 2, rank - 1);
}

Values lower_reverse_axes(Context& c) {
  std::vector<int64_t> permutation = iota(c.rank("self"));
  std::ranges::reverse(permutation);
  return {c.b.transpose(c.tensor("self"), permutation)};
}

Values lower_permute(Context& c) { return {c.b.transpose(c.tensor("self"), c.axes("dims", "self"))}; }

Values lower_movedim(Context& c) {
  const auto permutation = moving(c.rank("self"), c.axes("source", "self"), c.axes("destination", "self"));
  return {c.b.transpose(c.tensor("self"), permutation)};
}

Values lower_expand(Context& c) { return {expand_dims(c, c.tensor("self"), c.info("self").sizes, c.out().sizes)}; }

Values lower_broadcast_tensors(Context& c) {
  Values values = c.tensors("tensors");
  const std::vector<Dims> shapes = dims_of_list(c, "tensors");
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = expand_dims(c, values[i], shapes[i], c.out(i).sizes);
  return values;
}

// Of the given axes those whose size is 1 go.
Values squeeze_ones(Context& c, const std::vector<int64_t>& candidates) {
  const Dims& sizes = c.info("self").sizes;
  std::vector<int64_t> axes;
  for (int64_t axis : candidates) {
    if (!sizes.empty() && is_one(sizes[axis])) axes.push_back(axis);
  }
  return {c.b.squeeze(c.tensor("self"), axes)};
}

Values lower_squeeze(Context& c) { return squeeze_ones(c, iota(c.rank("self"))); }
Values lower_squeeze_dims(Context& c) { return squeeze_ones(c, c.axes("dim", "self")); }
Values lower_unsqueeze(Context& c) { return {c.b.unsqueeze(c.tensor("self"), {c.axis("dim", c.out_rank())})}; }

Values lower_select(Context& c) {
  const int64_t axis = c.axis("dim", "self");
  return {select_at(c, c.tensor("self"), c.info("self").sizes[axis], axis, c.size("index"))};
}

Values lower_slice(Context& c) {
  const V x = c.tensor("self");
  const int64_t step = c.integer("step");
  if (step == 1 && c.info("self").sizes == c.out().sizes) return {x};
  const Size start = c.has("start") ? c.size("start") : Size(0);
  const Size end = c.has("end") ? c.size("end") : Size(INT64_MAX);
  return {c.b.slice(x, c.axis("dim", "self"), start, end, step)};
}

// aten::narrow: a negative start counts from the end, but start + length may be that end.
Values lower_narrow(Context& c) {
  const V x = c.tensor("self");
  if (c.info("self").sizes == c.out().sizes) return {x};
  const int64_t axis = c.axis("dim", "self");
  Size start = c.size("start");
  if (start.is_static() && start.value < 0) start = c.b.size_add(c.size_of(c.info("self").sizes[axis]), start);
  return {c.b.slice(x, axis, start, c.b.size_add(start, c.size("length")))};
}

Values lower_narrow_tensor(Context& c) {
  const V x = c.tensor("self");
  const int64_t axis = c.axis("dim", "self");
  const V given = c.b.reshape(c.b.cast(c.tensor("start"), DType::Int64), {1});
  const V extent = c.b.as_vector(c.size_of(c.info("self").sizes[axis]));
  const V is_negative = c.b.op("Less", {given, c.b.ints({0})});
  const Size start(c.b.where(is_negative, c.b.add(given, extent), given));
  return {c.b.slice(x, axis, start, c.b.size_add(start, c.size("length")))};
}

// Every form of split: the pieces' recorded sizes along `axis` say where to cut.
Values split_along(Context& c, int64_t axis) {
  const V x = c.tensor("self");
  if (c.n_outputs() == 1) return {x};
  Dims pieces;
  for (std::size_t i = 0; i < c.n_outputs(); ++i) pieces.push_back(c.out(i).sizes[axis]);
  const Sizes sizes = c.sizes_of(pieces);
  if (const auto numbers = static_sizes(sizes)) return c.b.split(x, *numbers, axis);
  return c.b.ops("Split", {x, c.b.shape_tensor(sizes)}, pieces.size(), {{"axis", axis}});
}

Values lower_split(Context& c) { return split_along(c, c.axis("dim", "self")); }
Values lower_hsplit(Context& c) { return split_along(c, c.rank("self") == 1 ? 0 : 1); }
Values lower_vsplit(Context& c) { return split_along(c, 0); }
Values lower_dsplit(Context& c) { return split_along(c, 2); }

Values lower_unbind(Context& c) {
  const V x = c.tensor("self");
  const int64_t axis = c.axis("dim", "self");
  const program::Dim extent = c.info("self").sizes[axis];
  Values pieces;
  for (std::size_t i = 0; i < c.n_outputs(); ++i) {
    pieces.push_back(select_at(c, x, extent, axis, static_cast<int64_t>(i)));
  }
  return pieces;
}

const Row kRows[] = {
    {"aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)", lower_reshape},
    {"aten::view_copy(Tensor self, SymInt[] size) -> Tensor", lower_reshape},
    {"aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", lower_view_dtype},
    {"aten::view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor", lower_view_dtype},
    {"aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)", lower_reshape},
    {"aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)", lower_reshape},
    {"aten::reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", lower_reshape},
    {"aten::_unsafe_view(Tensor self, SymInt[] size) -> Tensor", lower_reshape},
    {"aten::_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)", lower_reshape},
    {"aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)", lower_reshape},
    {"aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)", lower_reshape},
    {"aten::ravel(Tensor(a) self) -> Tensor(a)", lower_reshape},
    {"aten::atleast_1d(Tensor self) -> Tensor", lower_reshape},
    {"aten::atleast_2d(Tensor self) -> Tensor", lower_reshape},
    {"aten::atleast_3d(Tensor self) -> Tensor", lower_reshape},
    {"aten::atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]", lower_reshape_list},
    {"aten::atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]", lower_reshape_list},
    {"aten::atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]", lower_reshape_list},
    {"aten::alias(Tensor(a) self) -> Tensor(a)", lower_alias},
    {"aten::alias_copy(Tensor self) -> Tensor", lower_alias},

    {"aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", lower_transpose},
    {"aten::transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor", lower_transpose},
    {"aten::transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", kViaFunctional},
    {"aten::swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", lower_transpose},
    {"aten::swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", kViaFunctional},
    {"aten::swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)", lower_swapaxes},
    {"aten::swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", kViaFunctional},
    {"aten::t(Tensor(a) self) -> Tensor(a)", lower_matrix_transpose},
    {"aten::t_copy(Tensor self) -> Tensor", lower_matrix_transpose},
    {"aten::t_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::mT(Tensor(a) self) -> Tensor(a)", lower_matrix_transpose},
    {"aten::mH(Tensor(a) self) -> Tensor(a)", lower_matrix_transpose},
    {"aten::matrix_H(Tensor(a) self) -> Tensor(a)", lower_matrix_transpose},
    {"aten::adjoint(Tensor(a) self) -> Tensor(a)", lower_matrix_transpose},
    {"aten::numpy_T(Tensor(a) self) -> Tensor(a)", lower_reverse_axes},
    {"aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)", lower_permute},
    {"aten::permute_copy(Tensor self, int[] dims) -> Tensor", lower_permute},
    {"aten::movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)", lower_movedim},
    {"aten::movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", lower_movedim},
    {"aten::moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)", lower_movedim},
    {"aten::moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", lower_movedim},

    {"aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)", lower_expand},
    {"aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor", lower_expand},
    {"aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", lower_expand},
    {"aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)", lower_expand},
    {"aten::broadcast_tensors(Tensor[] tensors) -> Tensor[]", lower_broadcast_tensors},
    {"aten::squeeze(Tensor(a) self) -> Tensor(a)", lower_squeeze},
    {"aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)", lower_squeeze_dims},
    {"aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", lower_squeeze_dims},
    {"aten::squeeze_copy(Tensor self) -> Tensor", lower_squeeze},
    {"aten::squeeze_copy.dim(Tensor self, int dim) -> Tensor", lower_squeeze_dims},
    {"aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor", lower_squeeze_dims},
    {"aten::squeeze_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)", kViaFunctional},
    {"aten::squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)", kViaFunctional},
    {"aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", lower_unsqueeze},
    {"aten::unsqueeze_copy(Tensor self, int dim) -> Tensor", lower_unsqueeze},
    {"aten::unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)", kViaFunctional},

    {"aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)", lower_select},
    {"aten::select_copy.int(Tensor self, int dim, SymInt index) -> Tensor", lower_select},
    {"aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
     lower_slice},
    {"aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
     lower_slice},
    {"aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)", lower_narrow},
    {"aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)", lower_narrow_tensor},
    {"aten::narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor", lower_narrow},

    {"aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", lower_split},
    {"aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]", lower_split},
    {"aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", lower_split},
    {"aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]", lower_split},
    {"aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", lower_split},
    {"aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]", lower_split},
    {"aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", lower_hsplit},
    {"aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", lower_hsplit},
    {"aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", lower_vsplit},
    {"aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", lower_vsplit},
    {"aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", lower_dsplit},
    {"aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", lower_dsplit},
    {"aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", lower_unbind},
    {"aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", lower_unbind},

    {"aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)", lower_unfold},
    {"aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor", lower_unfold},
    {"aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
     lower_as_strided},
    {"aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
     lower_as_strided},
    {"aten::as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor", lower_resize},
    {"aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::resize_as(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor", lower_resize},
    {"aten::resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)", lower_diagonal},
    {"aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", lower_diagonal},
    {"aten::linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)",
     lower_linalg_diagonal},
    {"aten::diag(Tensor self, int diagonal=0) -> Tensor", lower_diag},
    {"aten::diagflat(Tensor self, int offset=0) -> Tensor", lower_diagflat},
    {"aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", lower_diag_embed},
};

}  // namespace

Family view_ops() { return kRows; }

}  // namespace modelexport::lower
