// Vector products, determinants, powers and exponentials of matrices, and tensors as matrices.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lower/ops/elimination.h"
#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

Values vecdot(Context& c) {
  const DType dtype = c.out_dtype();
  const int64_t rank = std::max(c.rank("x"), c.rank("y"));
  const V products = c.b.mul(c.operand("x", dtype), c.operand("y", dtype));
  return {c.b.reduce("ReduceSum", products, {c.axis("dim", rank)}, false)};
}

// By repeated squaring.
Values matrix_power(Context& c) {
  Builder& b = c.b;
  int64_t n = c.integer("n");
  V square = c.operand("self", c.out_dtype());
  if (n == 0) return {b.expand(identity(b, c.out_sizes().back(), c.out_dtype()), c.out_sizes())};
  if (n < 0) square = inverse_of(b, square);
  n = std::abs(n);
  V result;
  for (; n > 0; n /= 2) {
    if (n % 2 == 1) result = result ? b.op("MatMul", {result, square}) : square;
    if (n > 1) square = b.op("MatMul", {square, square});
  }
  return {result};
}

// The Taylor polynomial of exp(A / 2^s), squared s times, where s makes the norm of A / 2^s small for every matrix of
// the batch (Higham, Functions of Matrices, section 10.3). The remainder is below 2e-14 of the result.
Values matrix_exponential(Context& c) {
  constexpr int64_t kDegree = 12;
  constexpr double kSmall = 0.5;
  Builder& b = c.b;
  const V a = c.operand("self", c.out_dtype());
  if (is_empty(b, a)) return {a};
  const DType dtype = b.dtype(a);
  const V norm = b.reduce("ReduceMax", b.reduce("ReduceSum", b.op("Abs", {a}), {*b.rank(a) - 2}, false), {}, false);
  const V halvings = b.div(b.op("Log", {b.div(norm, b.scalar(kSmall, dtype))}), b.scalar(std::log(2.0), dtype));
  const V s = b.op("Max", {b.op("Ceil", {halvings}), b.scalar(0, dtype)});
  const V scaled = b.div(a, b.op("Pow", {b.scalar(2, dtype), s}));
  const V one = identity(b, b.size_of(a, *b.rank(a) - 1), dtype);
  V sum = one;
  for (int64_t i = kDegree; i > 0; --i) {
    sum = b.add(one, b.op("MatMul", {b.div(scaled, b.scalar(static_cast<double>(i), dtype)), sum}));
  }
  b.enter_graph("squaring");
  b.graph_input("iteration", DType::Int64, onnx::Shape{});
  const V goes_on = b.graph_input("condition", DType::Bool, onnx::Shape{});
  const V state = b.graph_input("state", dtype, b.value(a).shape);
  const auto body = b.leave_graph({goes_on, b.op("MatMul", {state, state})});
  return b.ops("Loop", {b.cast(s, DType::Int64), b.scalar_int(1, DType::Bool), sum}, 1, {{"body", body}});
}

// aten::linalg_tensorinv: the inverse of the matrix whose rows are the first `ind` axes and whose columns the others.
Values tensor_inverse(Context& c) {
  const Sizes sizes = c.shape("self");
  Size rows = 1;
  for (int64_t i = 0; i < c.integer("ind"); ++i) rows = c.b.size_mul(rows, sizes.at(static_cast<std::size_t>(i)));
  const V matrix = c.b.reshape(c.operand("self", c.out_dtype()), {rows, rows});
  return {c.b.reshape(inverse_of(c.b, matrix), c.out_sizes())};
}

// aten::linalg_tensorsolve: the rows are the axes of the right side, the columns the others, `dims` last.
Values tensor_solution(Context& c) {
  Builder& b = c.b;
  const int64_t rank = c.rank("self");
  const std::vector<int64_t> dims = c.axes("dims", "self");
  std::vector<int64_t> last = iota(rank);
  last.erase(last.begin(), last.end() - static_cast<std::ptrdiff_t>(dims.size()));
  Size columns = 1;
  for (const Size& size : c.out_sizes()) columns = b.size_mul(columns, size);
  const V a = b.transpose(c.operand("self", c.out_dtype()), moving(rank, dims, last));
  const V right = b.reshape(c.operand("other", c.out_dtype()), {columns, 1});
  return {b.reshape(solution_of(b, b.reshape(a, {columns, columns}), right), c.out_sizes())};
}

// aten::linalg_vander: columns 1, x, x^2, ...
Values vander(Context& c) {
  Builder& b = c.b;
  const int64_t axis = c.rank("x");
  const Size columns = c.out_sizes().back();
  if (!columns.is_static()) c.unsupported("a number of columns that is not known");
  const V x = b.unsqueeze(c.operand("x", c.out_dtype()), {axis});
  Values powers{b.op("Expand", {b.scalar_int(1, c.out_dtype()), b.shape_of(x)})};
  while (static_cast<int64_t>(powers.size()) < columns.value) powers.push_back(b.mul(powers.back(), x));
  // torch gives even a single number two axes.
  return {b.reshape(b.slice(b.concat(powers, axis), axis, 0, columns), c.out_sizes())};
}

template <OpName Argument>
Values determinant(Context& c) {
  return {c.b.op("Det", {c.operand(Argument.text, c.out_dtype())})};
}

constexpr Row kRows[] = {
    {"aten::linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", vecdot},
    {"aten::matrix_power(Tensor self, int n) -> Tensor", matrix_power},
    {"aten::linalg_matrix_power(Tensor self, int n) -> Tensor", matrix_power},
    {"aten::matrix_exp(Tensor self) -> Tensor", matrix_exponential},
    {"aten::linalg_matrix_exp(Tensor self) -> Tensor", matrix_exponential},
    {"aten::linalg_tensorinv(Tensor self, int ind=2) -> Tensor", tensor_inverse},
    {"aten::linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", tensor_solution},
    {"aten::linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor", vander},
    {"aten::det(Tensor self) -> Tensor", determinant<"self">},
    {"aten::linalg_det(Tensor A) -> Tensor", determinant<"A">},
};

}  // namespace

Family linalg_ops() { return kRows; }

}  // namespace modelexport::lower
