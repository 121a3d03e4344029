// Sums, means, products, extrema and logical reductions.
#include "lower/ops/reduction.h"

#include <algorithm>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

bool is_empty(const Builder& b, V x) {
  const auto& shape = b.value(x).shape;
  return shape && std::any_of(shape->begin(), shape->end(), [](const onnx::Dim& dim) { return dim.value == 0; });
}

V reduced(Builder& b, std::string_view op_type, V x, const Axes& axes, bool keepdim) {
  if (b.rank(x) == 0) return x;
  if (op_type == "ReduceMean" && is_empty(b, x)) {  // torch says 0/0, runtimes say 0
    return b.div(b.reduce("ReduceSum", x, axes, keepdim), number_like(b, 0, x));
  }
  return b.reduce(op_type, x, axes, keepdim);
}

// From opset 28 on, ReduceLogSumExp is a function of Exp and ReduceSum, and onnxruntime takes it at its word.
V log_sum_exp(Builder& b, V x, const Axes& axes, bool keepdim) {
  if (b.opset() < 28 || b.rank(x) == 0) return reduced(b, "ReduceLogSumExp", x, axes, keepdim);
  const V highest = b.reduce("ReduceMax", x, axes, true);
  const V infinity = number_like(b, std::numeric_limits<double>::infinity(), x);
  const V is_finite = b.op("Less", {b.op("Abs", {highest}), infinity});
  const V shift = b.where(is_finite, highest, number_like(b, 0, x));
  const V sum = b.reduce("ReduceSum", b.op("Exp", {b.sub(x, shift)}), axes, keepdim);
  return b.add(b.op("Log", {sum}), keepdim ? shift : b.reduce("ReduceSum", shift, axes, false));
}

namespace {

// `dim` may be one number, a list, None, an empty list or absent: the last three stand for all axes.
Axes axes_of(Context& c) { return c.node.find("dim") != nullptr ? c.axes("dim", "self") : Axes{}; }
bool keepdim_of(Context& c) { return c.node.find("keepdim") != nullptr && c.flag("keepdim"); }

template <OpName Name>
Values reduce(Context& c) {
  return {reduced(c.b, Name.text, c.operand("self", c.out_dtype()), axes_of(c), keepdim_of(c))};
}

// Zero for NaN.
V without_nan(Builder& b, V x) {
  return is_floating(b.dtype(x)) ? b.where(b.op("IsNaN", {x}), number_like(b, 0, x), x) : x;
}

Values nansum(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  return {reduced(c.b, "ReduceSum", without_nan(c.b, self), axes_of(c), keepdim_of(c))};
}

Values nanmean(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  const V counts = c.b.cast(c.b.op("Not", {c.b.op("IsNaN", {self})}), c.out_dtype());
  const V sum = reduced(c.b, "ReduceSum", without_nan(c.b, self), axes_of(c), keepdim_of(c));
  return {c.b.div(sum, reduced(c.b, "ReduceSum", counts, axes_of(c), keepdim_of(c)))};
}

// onnxruntime's ReduceMin and ReduceMax of booleans refuse a tensor without elements.
template <OpName Name, OpName Numeric>
Values truth(Context& c) {
  const V self = c.operand("self", DType::Bool);
  const std::optional<std::vector<int64_t>> sizes = c.static_shape("self");
  const bool has_elements = sizes && !is_empty(c.b, self);
  if (has_elements) return {reduced(c.b, Name.text, self, axes_of(c), keepdim_of(c))};
  const V numbers = c.b.cast(self, DType::Int32);
  return {c.b.cast(reduced(c.b, Numeric.text, numbers, axes_of(c), keepdim_of(c)), DType::Bool)};
}

Values count_nonzero(Context& c) {
  const V hits = c.b.cast(c.operand("self", DType::Bool), DType::Int64);
  return {reduced(c.b, "ReduceSum", hits, axes_of(c), false)};
}

// Extremum and where it is.
template <OpName Value, OpName Index>
Values extremum_at(Context& c) {
  const V self = c.tensor("self");
  if (c.rank("self") == 0) return {self, c.b.scalar_int(0)};
  const int64_t axis = c.axis("dim", "self");
  const V index = c.b.op(Index.text, {self}, {{"axis", axis}, {"keepdims", c.flag("keepdim")}});
  return {c.b.reduce(Value.text, self, {axis}, c.flag("keepdim")), index};
}

template <OpName Name>
Values extremum_index(Context& c) {
  const V self = c.tensor("self");
  if (c.rank("self") == 0) return {c.b.scalar_int(0)};
  if (c.has("dim")) {
    return {c.b.op(Name.text, {self}, {{"axis", c.axis("dim", "self")}, {"keepdims", c.flag("keepdim")}})};
  }
  const V index = c.b.op(Name.text, {c.b.reshape(self, {-1})}, {{"axis", 0}, {"keepdims", c.flag("keepdim")}});
  return {c.b.reshape(index, c.out_sizes())};
}

Values aminmax(Context& c) {
  const V self = c.tensor("self");
  const Axes axes = c.has("dim") ? Axes{c.axis("dim", "self")} : Axes{};
  const bool keepdim = c.flag("keepdim");
  return {reduced(c.b, "ReduceMin", self, axes, keepdim), reduced(c.b, "ReduceMax", self, axes, keepdim)};
}

Values logsumexp(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  return {log_sum_exp(c.b, self, axes_of(c), keepdim_of(c))};
}

// Broadcasting undone: the axes that the result lacks, or has as 1, are summed.
Values sum_to_size(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  const int64_t extra = c.rank("self") - c.out_rank();
  Axes axes;
  for (int64_t i = 0; i < c.rank("self"); ++i) {
    const bool kept = i >= extra && c.out().sizes[static_cast<std::size_t>(i - extra)] ==
                                        c.info("self").sizes[static_cast<std::size_t>(i)];
    if (!kept) axes.push_back(i);
  }
  if (axes.empty()) return {self};
  return {c.b.reshape(c.b.reduce("ReduceSum", self, axes, true), c.out_sizes())};
}

Values trace(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  const V diagonal = c.b.mul(self, c.b.op("EyeLike", {self}));
  return {reduced(c.b, "ReduceSum", diagonal, {}, false)};
}

const Row kRows[] = {
    {"aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     reduce<"ReduceSum">},
    {"aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduce<"ReduceSum">},
    {"aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduce<"ReduceMean">},
    {"aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     reduce<"ReduceMean">},
    {"aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduce<"ReduceProd">},
    {"aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     reduce<"ReduceProd">},
    {"aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", reduce<"ReduceMax">},
    {"aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", reduce<"ReduceMin">},
    {"aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", nansum},
    {"aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", nanmean},
    {"aten::any(Tensor self) -> Tensor", truth<"ReduceMax", "ReduceSum">},
    {"aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", truth<"ReduceMax", "ReduceSum">},
    {"aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", truth<"ReduceMax", "ReduceSum">},
    {"aten::all(Tensor self) -> Tensor", truth<"ReduceMin", "ReduceProd">},
    {"aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", truth<"ReduceMin", "ReduceProd">},
    {"aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", truth<"ReduceMin", "ReduceProd">},
    {"aten::_is_any_true(Tensor self) -> Tensor", truth<"ReduceMax", "ReduceSum">},
    {"aten::_is_all_true(Tensor self) -> Tensor", truth<"ReduceMin", "ReduceProd">},
    {"aten::count_nonzero(Tensor self, int? dim=None) -> Tensor", count_nonzero},
    {"aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", count_nonzero},
    {"aten::sum.IntList_out(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) "
     "-> Tensor(a!)",
     kViaFunctional},
    {"aten::sum.out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::mean.out(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> "
     "Tensor(a!)",
     kViaFunctional},
    {"aten::mean.dtype_out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::prod.int_out(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) -> "
     "Tensor(a!)",
     kViaFunctional},
    {"aten::prod.out(Tensor self, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::amax.out(Tensor self, int[1] dim=[], bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::amin.out(Tensor self, int[1] dim=[], bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::nansum.out(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) "
     "-> Tensor(a!)",
     kViaFunctional},
    {"aten::nanmean.out(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, Tensor(a!) out) "
     "-> Tensor(a!)",
     kViaFunctional},
    {"aten::any.out(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::any.dims_out(Tensor self, int[]? dim=None, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::any.all_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::all.out(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::all.dims_out(Tensor self, int[]? dim=None, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::all.all_out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::count_nonzero.dim_IntList_out(Tensor self, int[] dim, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::count_nonzero.out(Tensor self, int? dim=None, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::max(Tensor self) -> Tensor", reduce<"ReduceMax">},
    {"aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
     extremum_at<"ReduceMax", "ArgMax">},
    {"aten::min(Tensor self) -> Tensor", reduce<"ReduceMin">},
    {"aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
     extremum_at<"ReduceMin", "ArgMin">},
    {"aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", extremum_index<"ArgMax">},
    {"aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", extremum_index<"ArgMin">},
    {"aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", aminmax},
    {"aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", logsumexp},
    {"aten::special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", logsumexp},
    {"aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor", sum_to_size},
    {"aten::trace(Tensor self) -> Tensor", trace},
    {"aten::argmax.out(Tensor self, int? dim=None, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::argmin.out(Tensor self, int? dim=None, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::aminmax.out(Tensor self, *, int? dim=None, bool keepdim=False, Tensor(a!) min, Tensor(b!) max) -> "
     "(Tensor(a!) min, Tensor(b!) max)",
     kViaFunctional},
    {"aten::logsumexp.out(Tensor self, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::special_logsumexp.out(Tensor self, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::trace.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family reduction_rows() { return kRows; }

Family reduction_ops() {
  static const std::vector<Row> rows =
      joined({reduction_rows(), cumulative_rows(), norm_rows(), statistics_rows(), gradient_rows()});
  return rows;
}

}  // namespace modelexport::lower
