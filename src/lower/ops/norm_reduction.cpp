// Vector and matrix norms.
#include <cmath>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

// Of numbers that are not negative: 0 when there are none.
V size_extremum(Builder& b, bool largest, V x, const Axes& axes, bool keepdim) {
  const V extremum = reduced(b, largest ? "ReduceMax" : "ReduceMin", x, axes, keepdim);
  return is_empty(b, x) ? b.op("Max", {extremum, number_like(b, 0, x)}) : extremum;
}

}  // namespace

V vector_norm(Builder& b, V x, double p, const Axes& axes, bool keepdim) {
  if (b.rank(x) == 0 && p != 0) return b.op("Abs", {x});
  if (p == 2) return reduced(b, "ReduceL2", x, axes, keepdim);
  if (p == 1) return reduced(b, "ReduceL1", x, axes, keepdim);
  if (std::isinf(p)) return size_extremum(b, p > 0, b.op("Abs", {x}), axes, keepdim);
  if (p == 0) return reduced(b, "ReduceSum", b.cast(b.cast(x, DType::Bool), b.dtype(x)), axes, keepdim);
  const V powers = b.op("Pow", {b.op("Abs", {x}), number_like(b, p, x)});
  const V sum = reduced(b, "ReduceSum", powers, axes, keepdim);
  return b.op("Pow", {sum, number_like(b, 1 / p, sum)});
}

namespace {

// Half types are summed in float32, as torch does it.
V widened(Context& c) {
  const DType dtype = c.out_dtype();
  const bool half = dtype == DType::Float16 || dtype == DType::BFloat16;
  return c.operand("self", half ? DType::Float32 : dtype);
}

Axes axes_of(Context& c) { return c.node.find("dim") != nullptr ? c.axes("dim", "self") : Axes{}; }
bool keepdim_of(Context& c) { return c.node.find("keepdim") != nullptr && c.flag("keepdim"); }

Values norm_of(Context& c, double p) {
  return {c.b.cast(vector_norm(c.b, widened(c), p, axes_of(c), keepdim_of(c)), c.out_dtype())};
}

Values norm(Context& c) { return norm_of(c, c.number_or("p", 2)); }
Values linalg_vector_norm(Context& c) { return norm_of(c, c.number("ord")); }
Values frobenius_norm(Context& c) { return norm_of(c, 2); }

// The largest or smallest sum of sizes along one of a matrix's axes.
V sum_norm(Context& c, double ord, const Axes& axes, bool keepdim) {
  const bool by_column = std::abs(ord) == 1;
  const V sums = c.b.reduce("ReduceL1", widened(c), {by_column ? axes[0] : axes[1]}, true);
  const V extremum = size_extremum(c.b, ord > 0, sums, {by_column ? axes[1] : axes[0]}, true);
  return keepdim ? extremum : c.b.squeeze(extremum, axes);
}

Values matrix_norm(Context& c, double ord) {
  if (std::abs(ord) != 1 && !std::isinf(ord)) c.unsupported("norms that need singular values");
  Axes axes = axes_of(c);
  if (axes.empty()) axes = {c.rank("self") - 2, c.rank("self") - 1};
  return {c.b.cast(sum_norm(c, ord, axes, keepdim_of(c)), c.out_dtype())};
}

Values linalg_matrix_norm(Context& c) { return matrix_norm(c, c.number("ord")); }

Values named_matrix_norm(Context& c) {
  if (c.text("ord") != "fro") c.unsupported("norms that need singular values");
  Axes axes = axes_of(c);
  if (axes.empty()) axes = {c.rank("self") - 2, c.rank("self") - 1};
  return {c.b.cast(vector_norm(c.b, widened(c), 2, axes, keepdim_of(c)), c.out_dtype())};
}

// A matrix norm with `ord` and two axes, else a vector norm.
Values linalg_norm(Context& c) {
  const std::size_t n_axes = c.has("dim") ? axes_of(c).size() : static_cast<std::size_t>(c.rank("self"));
  if (c.has("ord") && n_axes == 2) return matrix_norm(c, c.number("ord"));
  return norm_of(c, c.number_or("ord", 2));
}

const Row kRows[] = {
    {"aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor", norm},
    {"aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor", norm},
    {"aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
     norm},
    {"aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", norm},
    {"aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
     "dtype=None) -> Tensor",
     linalg_vector_norm},
    {"aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", frobenius_norm},
    {"aten::norm.dtype_out(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype, Tensor(a!) out) -> "
     "Tensor(a!)",
     kViaFunctional},
    {"aten::norm.out(Tensor self, Scalar? p, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::norm.ScalarOpt_dtype_out(Tensor self, Scalar? p, *, ScalarType dtype, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::norm.Scalar_out(Tensor self, Scalar p=2, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::linalg_vector_norm.out(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
     "dtype=None, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::frobenius_norm.out(Tensor self, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
     "dtype=None) -> Tensor",
     linalg_norm},
    {"aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? "
     "dtype=None) -> Tensor",
     named_matrix_norm},
    {"aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? "
     "dtype=None) -> Tensor",
     linalg_matrix_norm},
    {"aten::linalg_matrix_norm.str_ord(Tensor self, str ord=\"fro\", int[] dim=[-2, -1], bool keepdim=False, *, "
     "ScalarType? dtype=None) -> Tensor",
     named_matrix_norm},
};

}  // namespace

Family norm_rows() { return kRows; }

}  // namespace modelexport::lower
