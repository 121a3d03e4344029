// Order and counting: sort, topk, unique, nonzero, searchsorted, histograms.
#include <limits>

#include "lower/ops/counting.h"
#include "lower/ops/families.h"
#include "lower/ops/layout.h"

namespace modelexport::lower {
namespace {

struct Sorted {
  V values;
  V indices;
};

// The k first along `axis`; equal elements keep their order.
Sorted top(Context& c, V x, const Size& k, int64_t axis, bool largest) {
  const DType dtype = c.b.dtype(x);
  const V numbers = dtype == DType::Bool ? c.b.cast(x, DType::Int32) : x;
  const Values outputs = c.b.ops("TopK", {numbers, c.b.as_vector(k)}, 2, {{"axis", axis}, {"largest", largest}});
  return {c.b.cast(outputs[0], dtype), outputs[1]};
}

// One element has one order.
Sorted only_element(Context& c) { return {c.tensor("self"), c.b.scalar_int(0)}; }

Sorted sort_along(Context& c, int64_t axis, bool descending) {
  if (c.rank("self") == 0) return only_element(c);
  return top(c, c.tensor("self"), c.size_of(c.info("self").sizes[axis]), axis, descending);
}

Values lower_sort(Context& c) {
  const Sorted sorted = sort_along(c, c.axis("dim", "self"), c.flag("descending"));
  return {sorted.values, sorted.indices};
}
Values lower_argsort(Context& c) { return {sort_along(c, c.axis("dim", "self"), c.flag("descending")).indices}; }
Values lower_msort(Context& c) { return {sort_along(c, 0, false).values}; }

Values lower_topk(Context& c) {
  if (c.rank("self") == 0) {
    const Sorted only = only_element(c);
    return {only.values, only.indices};
  }
  const Sorted first = top(c, c.tensor("self"), c.size("k"), c.axis("dim", "self"), c.flag("largest"));
  return {first.values, first.indices};
}

// The element that has `before` smaller ones along `axis`, with or without that axis.
Sorted order_statistic(Context& c, V x, const Size& before, int64_t axis, bool keepdim) {
  const Sorted first = top(c, x, c.b.size_add(before, 1), axis, false);
  const V last = keepdim ? c.b.ints({-1}) : c.b.scalar_int(-1);
  return {c.b.gather(first.values, last, axis), c.b.gather(first.indices, last, axis)};
}

Values lower_kthvalue(Context& c) {
  Sorted found = only_element(c);
  if (c.rank("self") > 0) {
    const Size before = c.b.size_sub(c.size("k"), 1);
    found = order_statistic(c, c.tensor("self"), before, c.axis("dim", "self"), c.flag("keepdim"));
  }
  return {found.values, found.indices};
}

// aten::median: the lower of the two middle elements.
Size middle(Context& c, const Size& n) { return c.b.size_floordiv(c.b.size_sub(n, 1), 2); }

Values lower_median_dim(Context& c) {
  Sorted found = only_element(c);
  if (c.rank("self") > 0) {
    const int64_t axis = c.axis("dim", "self");
    const Size before = middle(c, c.size_of(c.info("self").sizes[axis]));
    found = order_statistic(c, c.tensor("self"), before, axis, c.flag("keepdim"));
  }
  return {found.values, found.indices};
}

Size numel(Context& c) {
  Size product = 1;
  for (const Size& size : c.shape("self")) product = c.b.size_mul(product, size);
  return product;
}

Values lower_median(Context& c) {
  return {order_statistic(c, flatten(c.b, c.tensor("self")), middle(c, numel(c)), 0, false).values};
}

// aten::nanmedian: of the elements that are numbers; NaN where there is none.
Sorted median_of_numbers(Context& c, V x, const Size& n, int64_t axis) {
  const DType dtype = c.b.dtype(x);
  const V is_nan = c.b.op("IsNaN", {x});
  const V infinity = c.b.scalar(std::numeric_limits<double>::infinity(), dtype);
  const Sorted sorted = top(c, c.b.where(is_nan, infinity, x), n, axis, false);
  const V numbers = c.b.cast(c.b.op("Not", {is_nan}), DType::Int64);
  const V count = c.b.reduce("ReduceSum", numbers, {axis}, true);
  const V one = c.b.scalar_int(1);
  const V before = c.b.div(c.b.sub(c.b.op("Max", {count, one}), one), c.b.scalar_int(2));
  const V median = c.b.op("GatherElements", {sorted.values, before}, {{"axis", axis}});
  const V none = c.b.op("Equal", {count, c.b.scalar_int(0)});
  return {c.b.where(none, c.b.scalar(std::numeric_limits<double>::quiet_NaN(), dtype), median),
          c.b.op("GatherElements", {sorted.indices, before}, {{"axis", axis}})};
}

Values lower_nanmedian_dim(Context& c) {
  if (!is_floating(c.dtype("self")) || c.rank("self") == 0) return lower_median_dim(c);
  const int64_t axis = c.axis("dim", "self");
  const Sorted found = median_of_numbers(c, c.tensor("self"), c.size_of(c.info("self").sizes[axis]), axis);
  if (c.flag("keepdim")) return {found.values, found.indices};
  return {c.b.squeeze(found.values, {axis}), c.b.squeeze(found.indices, {axis})};
}

Values lower_nanmedian(Context& c) {
  if (!is_floating(c.dtype("self"))) return lower_median(c);
  const V flat = flatten(c.b, c.tensor("self"));
  return {c.b.squeeze(median_of_numbers(c, flat, numel(c), 0).values, {0})};
}

// aten::mode: the most frequent element, the smallest of several; its last position.
Values lower_mode(Context& c) {
  if (c.rank("self") == 0) return {c.tensor("self"), c.b.scalar_int(0)};
  const V x = c.tensor("self");
  const int64_t axis = c.axis("dim", "self");
  const bool keepdim = c.flag("keepdim");
  const int64_t rank = c.rank("self");
  const Size n = c.size_of(c.info("self").sizes[axis]);
  const V sorted = top(c, x, n, axis, false).values;
  const V equal = c.b.op("Equal", {c.b.unsqueeze(sorted, {axis}), c.b.unsqueeze(sorted, {axis + 1})});
  const V frequency = count_true(c.b, equal, axis + 1);
  const V most = c.b.op("ArgMax", {frequency}, {{"axis", axis}, {"keepdims", 1}});
  const V value = c.b.op("GatherElements", {sorted, most}, {{"axis", axis}});
  const V places = along_axis(c.b, range(c.b, n), axis, rank);
  const V here = c.b.where(c.b.op("Equal", {x, value}), places, c.b.scalar_int(-1));
  const V position = c.b.reduce("ReduceMax", here, {axis}, keepdim);
  return {keepdim ? value : c.b.squeeze(value, {axis}), position};
}

// ---- unique ----

// ONNX Unique: values, first positions, inverse, counts; along no axis, of the flat tensor.
Values unique(Context& c, std::optional<int64_t> axis) {
  Attrs attrs{{"sorted", 1}};
  if (axis) attrs.push_back({"axis", *axis});
  return c.b.ops("Unique", {c.tensor("self")}, 4, attrs);
}

V inverse_of_flat(Context& c, V inverse) { return reshape_dims(c, inverse, {kInferred}, c.info("self").sizes); }

Values lower_unique2(Context& c) {
  const Values found = unique(c, std::nullopt);
  return {found[0], inverse_of_flat(c, found[2]), found[3]};
}

Values lower_unique_dim(Context& c) {
  const Values found = unique(c, c.axis("dim", "self"));
  return {found[0], found[2], found[3]};
}

// aten::unique_consecutive: an element that differs from its predecessor begins a run.
Values unique_runs(Context& c, V x, int64_t rank, std::optional<int64_t> dim) {
  const int64_t axis = dim.value_or(0);
  const V earlier = c.b.slice(x, axis, 0, -1);
  const V later = c.b.slice(x, axis, 1, std::numeric_limits<int64_t>::max());
  std::vector<int64_t> others;
  for (int64_t i = 0; i < rank; ++i) {
    if (i != axis) others.push_back(i);
  }
  const V differs = any_of(c.b, c.b.op("Not", {c.b.op("Equal", {earlier, later})}), others);
  const V begins = c.b.concat({c.b.full(1, DType::Bool, {1}), differs}, 0);
  const V run = c.b.sub(c.b.op("CumSum", {c.b.cast(begins, DType::Int64), c.b.scalar_int(0)}), c.b.scalar_int(1));
  const V starts = c.b.squeeze(c.b.op("NonZero", {begins}), {0});
  const V next = c.b.concat({c.b.slice(starts, 0, 1, std::numeric_limits<int64_t>::max()), c.b.shape_of(begins)}, 0);
  return {c.b.op("Compress", {x, begins}, {{"axis", axis}}), run, c.b.sub(next, starts)};
}

Values lower_unique_consecutive(Context& c) {
  if (is_empty(c.info("self").sizes)) {
    const V none = c.b.ints({});
    return {c.has("dim") ? c.tensor("self") : c.b.reshape(c.tensor("self"), {0}), none, none};
  }
  if (c.has("dim")) return unique_runs(c, c.tensor("self"), c.rank("self"), c.axis("dim", "self"));
  Values runs = unique_runs(c, flatten(c.b, c.tensor("self")), 1, std::nullopt);
  runs[1] = inverse_of_flat(c, runs[1]);
  return runs;
}

// ---- positions of true elements ----

// int64[rank, n]; a scalar has positions without coordinates.
V nonzero_rows(Context& c) {
  if (c.rank("self") > 0) return c.b.op("NonZero", {c.tensor("self")});
  return c.b.slice(c.b.op("NonZero", {c.b.unsqueeze(c.tensor("self"), {0})}), 0, 0, 0);
}

Values lower_nonzero(Context& c) { return {c.b.transpose(nonzero_rows(c), {1, 0})}; }

Values lower_nonzero_numpy(Context& c) {
  V x = c.tensor("self");
  if (c.rank("self") == 0) x = c.b.unsqueeze(x, {0});
  const V found = c.b.op("NonZero", {x});
  Values positions;
  for (std::size_t i = 0; i < c.n_outputs(); ++i) {
    positions.push_back(c.b.gather(found, c.b.scalar_int(static_cast<int64_t>(i)), 0));
  }
  return positions;
}

Values lower_nonzero_static(Context& c) {
  const Size size = c.size("size");
  const V fill = c.b.scalar_int(c.integer("fill_value"));
  const V rows = c.b.op("Expand", {fill, c.b.shape_tensor({size, c.rank("self")})});
  const V found = c.b.transpose(nonzero_rows(c), {1, 0});
  return {c.b.slice(c.b.concat({found, rows}, 0), 0, 0, size)};
}

const Row kRows[] = {
    {"aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)", lower_sort},
    {"aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor "
     "indices)",
     lower_sort},
    {"aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", lower_argsort},
    {"aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", lower_argsort},
    {"aten::msort(Tensor self) -> Tensor", lower_msort},
    {"aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor "
     "indices)",
     lower_topk},
    {"aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
     lower_kthvalue},
    {"aten::median(Tensor self) -> Tensor", lower_median},
    {"aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", lower_median_dim},
    {"aten::nanmedian(Tensor self) -> Tensor", lower_nanmedian},
    {"aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
     lower_nanmedian_dim},
    {"aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", lower_mode},

    {"aten::_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)", lower_unique2},
    {"aten::_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, "
     "Tensor, Tensor)",
     lower_unique2},
    {"aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) "
     "-> (Tensor, Tensor, Tensor)",
     lower_unique_dim},
    {"aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
     "(Tensor, Tensor, Tensor)",
     lower_unique_consecutive},
    {"aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> "
     "(Tensor, Tensor, Tensor)",
     lower_unique_consecutive},

    {"aten::nonzero(Tensor self) -> Tensor", lower_nonzero},
    {"aten::argwhere(Tensor self) -> Tensor", lower_nonzero},
    {"aten::nonzero_numpy(Tensor self) -> Tensor[]", lower_nonzero_numpy},
    {"aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor", lower_nonzero_static},

    {"aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? "
     "side=None, Tensor? sorter=None) -> Tensor",
     lower_searchsorted},
    {"aten::searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? "
     "side=None, Tensor? sorter=None) -> Tensor",
     lower_searchsorted},
    {"aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
     lower_bucketize},
    {"aten::bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
     lower_bucketize},
    {"aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor", lower_bincount},
    {"aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", lower_histc},
    {"aten::one_hot(Tensor self, int num_classes=-1) -> Tensor", lower_one_hot},
    {"aten::isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) "
     "-> Tensor",
     lower_isin<true>},
    {"aten::isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) "
     "-> Tensor",
     lower_isin_scalar},
    {"aten::isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) "
     "-> Tensor",
     lower_isin<false>},
};

}  // namespace

Family sort_ops() { return kRows; }

}  // namespace modelexport::lower
