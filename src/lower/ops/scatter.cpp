// Writing elements at given positions: scatter, index_put, masked and view scatters, and where.
#include "lower/ops/families.h"
#include "lower/ops/index_put.h"
#include "lower/ops/scatter_elements.h"
#include "lower/ops/strided.h"
#include "lower/ops/view_scatter.h"

namespace modelexport::lower {
namespace {

// The part of the source that the index reaches.
V cut_to_index(Context& c, V source, const Dims& sizes, const Dims& index_sizes) {
  std::vector<int64_t> axes;
  Sizes ends;
  for (std::size_t i = 0; i < index_sizes.size() && i < sizes.size(); ++i) {
    if (sizes[i] == index_sizes[i]) continue;
    axes.push_back(static_cast<int64_t>(i));
    ends.push_back(c.size_of(index_sizes[i]));
  }
  if (axes.empty()) return source;
  const V starts = c.b.ints(std::vector<int64_t>(axes.size(), 0));
  return c.b.op("Slice", {source, starts, c.b.shape_tensor(ends), c.b.ints(axes)});
}

// Scalars take part as tensors of one element.
V at_least_1d(Builder& b, V x, const Dims& sizes) { return sizes.empty() ? b.unsqueeze(x, {0}) : x; }
Dims at_least_1d(const Dims& sizes) { return sizes.empty() ? Dims{{.value = 1}} : sizes; }

// The scatter of a call with arguments self, dim, index; updates of the index's sizes.
Scatter scatter_of(Context& c, V updates) {
  const Dims& sizes = c.info("self").sizes;
  const Dims& index_sizes = c.info("index").sizes;
  return {.x = at_least_1d(c.b, c.tensor("self"), sizes),
          .sizes = at_least_1d(sizes),
          .index = at_least_1d(c.b, c.tensor("index"), index_sizes),
          .index_sizes = at_least_1d(index_sizes),
          .updates = updates,
          .axis = c.axis("dim", "self")};
}

Scatter scatter_of_source(Context& c) {
  const Dims& sizes = c.info("src").sizes;
  const V source = at_least_1d(c.b, c.operand("src", c.out_dtype()), sizes);
  return scatter_of(c, cut_to_index(c, source, at_least_1d(sizes), at_least_1d(c.info("index").sizes)));
}

Scatter scatter_of_value(Context& c) {
  return scatter_of(c, expand_dims(c, c.scalar("value", c.out_dtype()), {}, at_least_1d(c.info("index").sizes)));
}

Values result_of(Context& c, V written) { return {c.out_rank() == 0 ? c.b.squeeze(written, {0}) : written}; }

Reduction reduction_of(Context& c) {
  const std::string name = c.text("reduce");
  if (name == "sum" || name == "add" || name == "mean") return Reduction::Add;
  if (name == "prod" || name == "multiply") return Reduction::Mul;
  if (name == "amax") return Reduction::Max;
  if (name == "amin") return Reduction::Min;
  c.unsupported("the reduction '" + name + "'");
}

template <Reduction reduction>
Values lower_scatter_src(Context& c) {
  return result_of(c, scatter_elements(c, scatter_of_source(c), reduction));
}
Values lower_scatter_value(Context& c) {
  return result_of(c, scatter_elements(c, scatter_of_value(c), Reduction::None));
}
Values lower_scatter_src_reduce(Context& c) {
  return result_of(c, scatter_elements(c, scatter_of_source(c), reduction_of(c)));
}
Values lower_scatter_value_reduce(Context& c) {
  return result_of(c, scatter_elements(c, scatter_of_value(c), reduction_of(c)));
}

// x with `value` wherever the index points.
V overwritten(Context& c, const Scatter& scatter, V value) {
  Scatter fill = scatter;
  fill.updates = expand_dims(c, value, {}, scatter.index_sizes);
  return scatter_elements(c, fill, Reduction::None);
}

V divide_mean(Context& c, V sums, V counts) {
  if (is_floating(c.out_dtype())) return c.b.div(sums, counts);
  return c.b.div(c.b.sub(sums, c.b.op("Mod", {sums, counts})), counts);
}

// scatter_reduce and index_reduce: with include_self=False the old element takes no part where a new one comes.
V reduce_into(Context& c, Scatter scatter) {
  const Reduction reduction = reduction_of(c);
  const bool include_self = c.flag("include_self");
  const DType dtype = c.out_dtype();
  const V one = c.b.scalar_int(1, dtype);
  Scatter count = scatter;
  if (!include_self) scatter.x = overwritten(c, scatter, neutral_element(c.b, reduction, dtype));
  const V reduced = scatter_elements(c, scatter, reduction);
  if (c.text("reduce") != "mean" || is_empty(scatter.index_sizes)) return reduced;

  count.x = expand_dims(c, one, {}, scatter.sizes);
  if (!include_self) count.x = overwritten(c, count, c.b.scalar_int(0, dtype));
  count.updates = expand_dims(c, one, {}, scatter.index_sizes);
  return divide_mean(c, reduced, scatter_elements(c, count, Reduction::Add));
}

Values lower_scatter_reduce(Context& c) { return result_of(c, reduce_into(c, scatter_of_source(c))); }

// ---- index_*: whole slices along one axis ----

// The 1-D index as one of the source's sizes; scalars as tensors of one element.
Scatter scatter_of_slices(Context& c, V source) {
  const Dims& sizes = c.info("self").sizes;
  const Dims source_sizes = at_least_1d(c.info("source").sizes);
  const auto rank = static_cast<int64_t>(source_sizes.size());
  Scatter scatter{.x = at_least_1d(c.b, c.tensor("self"), sizes),
                  .sizes = at_least_1d(sizes),
                  .index = {},
                  .index_sizes = source_sizes,
                  .updates = at_least_1d(c.b, source, c.info("source").sizes),
                  .axis = c.axis("dim", "self")};
  const V index = along_axis(c.b, flatten(c.b, c.tensor("index")), scatter.axis, rank);
  Dims sizes_of_index(static_cast<std::size_t>(rank - scatter.axis), program::Dim{.value = 1});
  sizes_of_index.front() = source_sizes[scatter.axis];
  scatter.index = expand_dims(c, index, sizes_of_index, source_sizes);
  return scatter;
}

// ScatterND writes whole slices along the first axis; along others every element needs its index.
V write_slices(Context& c, V source, Reduction reduction) {
  if (is_empty(c.info("index").sizes)) return c.tensor("self");
  if (c.axis("dim", "self") == 0 && c.rank("self") > 0 && c.rank("source") == c.rank("self")) {
    const V index = c.b.cast(flatten(c.b, c.tensor("index")), DType::Int64);
    const Positions positions{c.b.unsqueeze(index, {1}), 1, 1};
    return scatter_nd(c, c.tensor("self"), c.info("self").sizes, positions, source, reduction == Reduction::Add);
  }
  const V written = scatter_elements(c, scatter_of_slices(c, source), reduction);
  return c.rank("self") == 0 ? c.b.squeeze(written, {0}) : written;
}

Values lower_index_add(Context& c) {
  V source = c.operand("source", c.out_dtype());
  if (c.number("alpha") != 1) source = c.b.mul(source, c.scalar("alpha", c.out_dtype()));
  return {write_slices(c, source, Reduction::Add)};
}

Values lower_index_copy(Context& c) { return {write_slices(c, c.operand("source", c.out_dtype()), Reduction::None)}; }

Values lower_index_reduce(Context& c) {
  if (is_empty(c.info("index").sizes)) return {c.tensor("self")};
  return result_of(c, reduce_into(c, scatter_of_slices(c, c.operand("source", c.out_dtype()))));
}

// aten::index_fill: a mask along the axis says which slices get the value.
Values lower_index_fill(Context& c) {
  const V x = c.tensor("self");
  const V value = c.operand("value", c.out_dtype());
  if (is_empty(c.info("index").sizes)) return {x};
  const int64_t axis = c.axis("dim", "self");
  const int64_t rank = c.rank("self");
  if (rank == 0) return {value};
  const Dims extent{c.info("self").sizes[axis]};
  const V index = flatten(c.b, c.tensor("index"));
  const V none = expand_dims(c, c.b.scalar_int(0, DType::Bool), {}, extent);
  const V marks = expand_dims(c, c.b.scalar_int(1, DType::Bool), {}, at_least_1d(c.info("index").sizes));
  const V mask = c.b.op("ScatterElements", {none, index, marks}, {{"axis", 0}});
  return {c.b.where(along_axis(c.b, mask, axis, rank), value, x)};
}

// aten::where(Tensor condition) -> Tensor[]: the positions of the true elements, axis by axis.
Values lower_where_positions(Context& c) {
  V condition = c.tensor("condition");
  if (c.rank("condition") == 0) condition = c.b.unsqueeze(condition, {0});
  const V found = c.b.op("NonZero", {condition});
  Values positions;
  for (std::size_t i = 0; i < c.n_outputs(); ++i) {
    positions.push_back(c.b.gather(found, c.b.scalar_int(static_cast<int64_t>(i)), 0));
  }
  return positions;
}

const Row kRows[] = {
    {"aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", lower_scatter_src<Reduction::None>},
    {"aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", lower_scatter_value},
    {"aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
     lower_scatter_src_reduce},
    {"aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
     lower_scatter_value_reduce},
    {"aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)", kViaFunctional},
    {"aten::scatter_.value(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)", kViaFunctional},
    {"aten::scatter_.reduce(Tensor(a!) self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor(a!)",
     kViaFunctional},
    {"aten::scatter_.value_reduce(Tensor(a!) self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor(a!)",
     kViaFunctional},
    {"aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", lower_scatter_src<Reduction::Add>},
    {"aten::scatter_add_(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)", kViaFunctional},
    {"aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) "
     "-> Tensor",
     lower_scatter_reduce},
    {"aten::scatter_reduce_.two(Tensor(a!) self, int dim, Tensor index, Tensor src, str reduce, *, bool "
     "include_self=True) -> Tensor(a!)",
     kViaFunctional},

    {"aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
     lower_index_put},
    {"aten::index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)",
     kViaFunctional},
    {"aten::_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor",
     lower_unsafe_masked_index_put},
    {"aten::_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
     lower_index_put},
    {"aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", lower_put},
    {"aten::put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)", kViaFunctional},
    {"aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
     lower_index_add},
    {"aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)",
     kViaFunctional},
    {"aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", lower_index_copy},
    {"aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)", kViaFunctional},
    {"aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", lower_index_fill},
    {"aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor", lower_index_fill},
    {"aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)",
     kViaFunctional},
    {"aten::index_fill_.int_Tensor(Tensor(a!) self, int dim, Tensor index, Tensor value) -> Tensor(a!)",
     kViaFunctional},
    {"aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> "
     "Tensor",
     lower_index_reduce},
    {"aten::index_reduce_(Tensor(a!) self, int dim, Tensor index, Tensor source, str reduce, *, bool "
     "include_self=True) -> Tensor(a!)",
     kViaFunctional},

    {"aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", lower_masked_fill},
    {"aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", lower_masked_fill},
    {"aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)", kViaFunctional},
    {"aten::masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)", kViaFunctional},
    {"aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", lower_masked_scatter},
    {"aten::masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)", kViaFunctional},
    {"aten::masked_select(Tensor self, Tensor mask) -> Tensor", lower_masked_select},
    {"aten::masked_select.out(Tensor self, Tensor mask, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", lower_where},
    {"aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", lower_where},
    {"aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", lower_where},
    {"aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", lower_where},
    {"aten::where.self_out(Tensor condition, Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::where(Tensor condition) -> Tensor[]", lower_where_positions},

    {"aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor", lower_select_scatter},
    {"aten::fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)", lower_fill_diagonal},
    {"aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> "
     "Tensor",
     lower_slice_scatter},
    {"aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
     lower_diagonal_scatter},
    {"aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) "
     "-> Tensor",
     lower_as_strided_scatter},
};

}  // namespace

Family scatter_ops() { return kRows; }

}  // namespace modelexport::lower
