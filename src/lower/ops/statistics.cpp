// Variances, quantiles and cross products.
#include <algorithm>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

Axes axes_of(Context& c) { return c.node.find("dim") != nullptr ? c.axes("dim", "self") : Axes{}; }
bool keepdim_of(Context& c) { return c.node.find("keepdim") != nullptr && c.flag("keepdim"); }

// What is taken off the number of elements.
double correction_of(Context& c) {
  if (c.node.find("unbiased") != nullptr) return c.flag("unbiased") ? 1 : 0;
  return c.number_or("correction", 1);
}

// Half types are computed in float32, as torch does it.
DType wide(DType dtype) { return dtype == DType::Float16 || dtype == DType::BFloat16 ? DType::Float32 : dtype; }

// The number of elements that one result is made of.
Size reduced_count(Context& c, const Axes& axes) {
  const Sizes shape = c.shape("self");
  Size count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool taken = axes.empty() || std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (taken) count = c.b.size_mul(count, shape[i]);
  }
  return count;
}

struct Moments {
  V variance;
  V mean;
};

Moments moments(Context& c) {
  Builder& b = c.b;
  const DType dtype = wide(c.out_dtype());
  const V self = c.operand("self", dtype);
  const Axes axes = axes_of(c);
  const bool keepdim = keepdim_of(c);
  const V mean = reduced(b, "ReduceMean", self, axes, true);
  const V deviation = b.sub(self, mean);
  const V square = b.mul(deviation, deviation);
  const V narrow_mean = keepdim || c.rank("self") == 0 ? mean : b.reshape(mean, c.out_sizes());
  const double correction = correction_of(c);
  if (correction == 0) return {reduced(b, "ReduceMean", square, axes, keepdim), narrow_mean};
  const V count = b.sub(b.as_scalar(reduced_count(c, axes), dtype), b.scalar(correction, dtype));
  const V divisor = b.op("Max", {count, b.scalar(0, dtype)});
  return {b.div(reduced(b, "ReduceSum", square, axes, keepdim), divisor), narrow_mean};
}

Values var(Context& c) { return {moments(c).variance}; }
Values standard_deviation(Context& c) { return {c.b.op("Sqrt", {moments(c).variance})}; }

Values var_mean(Context& c) {
  const Moments m = moments(c);
  return {m.variance, m.mean};
}

Values std_mean(Context& c) {
  const Moments m = moments(c);
  return {c.b.op("Sqrt", {m.variance}), m.mean};
}

// Sorted values at the ranks q * (n - 1), interpolated; the results of several q lie along a new first axis.
Values quantile(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const int64_t rank = c.rank("self");
  V x = c.operand("self", dtype);
  int64_t axis = 0;
  if (!c.has("dim")) x = b.reshape(x, {-1});
  if (c.has("dim")) axis = c.axis("dim", "self");
  if (rank == 0) x = b.reshape(x, {1});
  const int64_t n_axes = c.has("dim") ? std::max<int64_t>(rank, 1) : 1;
  std::vector<int64_t> to_last;
  for (int64_t i = 0; i < n_axes; ++i) {
    if (i != axis) to_last.push_back(i);
  }
  to_last.push_back(axis);
  x = b.transpose(x, to_last);
  const Size n = b.size_of(x, n_axes - 1);
  const V sorted = b.ops("TopK", {x, b.as_vector(n)}, 2, {{"axis", n_axes - 1}, {"largest", 0}})[0];
  const V q = b.reshape(c.operand("q", dtype), {-1});
  const V place = b.mul(q, b.sub(b.as_scalar(n, dtype), b.scalar(1, dtype)));
  const auto at = [&](const char* rounding) {
    return b.gather(sorted, b.cast(b.op(rounding, {place}), DType::Int64), n_axes - 1);
  };
  const std::string interpolation = c.text("interpolation");
  V result;
  if (interpolation == "lower") result = at("Floor");
  if (interpolation == "higher") result = at("Ceil");
  if (interpolation == "nearest") result = at("Round");
  if (interpolation == "midpoint") result = b.mul(b.add(at("Floor"), at("Ceil")), b.scalar(0.5, dtype));
  if (interpolation == "linear") {
    const V low = at("Floor");
    result = b.add(low, b.mul(b.sub(at("Ceil"), low), b.sub(place, b.op("Floor", {place}))));
  }
  // The axis of the quantiles comes first.
  std::vector<int64_t> to_first{n_axes - 1};
  for (int64_t i = 0; i < n_axes - 1; ++i) to_first.push_back(i);
  result = b.transpose(result, to_first);
  const V any_nan = is_nan(b, b.reduce("ReduceSum", x, {n_axes - 1}, false));
  result = b.where(any_nan, b.scalar(std::numeric_limits<double>::quiet_NaN(), dtype), result);
  return {b.reshape(result, c.out_sizes())};
}

Values cross(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  int64_t axis = 0;
  const int64_t rank = c.out_rank();
  if (c.has("dim")) {
    axis = c.axis("dim", rank);
  } else {
    while (!(c.out().sizes[static_cast<std::size_t>(axis)] == program::Dim{3})) ++axis;
  }
  const auto turned = [&](const char* name, const std::vector<int64_t>& order) {
    return b.gather(c.operand(name, dtype), b.ints(order), axis);
  };
  const V forward = b.mul(turned("self", {1, 2, 0}), turned("other", {2, 0, 1}));
  const V backward = b.mul(turned("self", {2, 0, 1}), turned("other", {1, 2, 0}));
  return {b.sub(forward, backward)};
}

const Row kRows[] = {
    {"aten::var(Tensor self, bool unbiased=True) -> Tensor", var},
    {"aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", var},
    {"aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
     var},
    {"aten::std(Tensor self, bool unbiased=True) -> Tensor", standard_deviation},
    {"aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", standard_deviation},
    {"aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
     standard_deviation},
    {"aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)", var_mean},
    {"aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
     var_mean},
    {"aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
     "(Tensor, Tensor)",
     var_mean},
    {"aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)", std_mean},
    {"aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
     std_mean},
    {"aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
     "(Tensor, Tensor)",
     std_mean},
    {"aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor", cross},
    {"aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", cross},
    {"aten::var.correction_out(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, "
     "Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::var.out(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::std.correction_out(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, "
     "Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::std.out(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::var_mean.correction_out(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, "
     "Tensor(a!) out0, Tensor(b!) out1) -> (Tensor(a!), Tensor(b!))",
     kViaFunctional},
    {"aten::std_mean.correction_out(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False, "
     "Tensor(a!) out0, Tensor(b!) out1) -> (Tensor(a!), Tensor(b!))",
     kViaFunctional},
    {"aten::cross.out(Tensor self, Tensor other, int? dim=None, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::linalg_cross.out(Tensor self, Tensor other, *, int dim=-1, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> "
     "Tensor",
     quantile},
    {"aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") "
     "-> Tensor",
     quantile},
};

}  // namespace

Family statistics_rows() { return kRows; }

}  // namespace modelexport::lower
