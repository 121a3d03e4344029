// Vector products, matrix powers and determinants.
#include <algorithm>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

Values vecdot(Context& c) {
  const DType dtype = c.out_dtype();
  const int64_t rank = std::max(c.rank("x"), c.rank("y"));
  const V products = c.b.mul(c.operand("x", dtype), c.operand("y", dtype));
  return {c.b.reduce("ReduceSum", products, {c.axis("dim", rank)}, false)};
}

V identity_like(Context& c, V x) {
  const program::Dim& n = c.out().sizes.back();
  if (!n.is_static()) c.unsupported("a matrix of a size known at run time only");
  const DType dtype = c.b.dtype(x);
  return c.b.expand(c.b.op("EyeLike", {c.b.full(0, dtype, {n.value, n.value})}), c.out_sizes());
}

// By repeated squaring.
Values matrix_power(Context& c) {
  Builder& b = c.b;
  int64_t n = c.integer("n");
  if (n < 0) c.unsupported("a negative power");
  V square = c.operand("self", c.out_dtype());
  if (n == 0) return {identity_like(c, square)};
  V result;
  for (; n > 0; n /= 2) {
    if (n % 2 == 1) result = result ? b.op("MatMul", {result, square}) : square;
    if (n > 1) square = b.op("MatMul", {square, square});
  }
  return {result};
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
    {"aten::linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor", vander},
    {"aten::det(Tensor self) -> Tensor", determinant<"self">},
    {"aten::linalg_det(Tensor A) -> Tensor", determinant<"A">},
};

}  // namespace

Family linalg_ops() { return kRows; }

}  // namespace modelexport::lower
