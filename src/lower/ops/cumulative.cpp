// Running sums, products and extrema, and differences of neighbours.
#include <algorithm>
#include <limits>

#include "lower/ops/elementwise.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

V axis_constant(Builder& b, int64_t axis) { return b.scalar_int(axis); }

V running_sum(Builder& b, V x, int64_t axis) { return b.op("CumSum", {x, axis_constant(b, axis)}); }

Values cumsum(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  if (c.rank("self") == 0) return {self};
  return {running_sum(c.b, self, c.axis("dim", "self"))};
}

// x with its axis `axis` last and, before it, an axis as long that counts prefixes: element (..., i, j) is x[..., j]
// where j <= i and `rest` beyond. What ONNX cannot accumulate is a reduction over this.
struct Prefixes {
  V table;
  std::vector<int64_t> back;  // the permutation that puts the axis back once the last one is reduced
};

Prefixes prefixes(Context& c, V x, int64_t axis, V rest) {
  Builder& b = c.b;
  const int64_t rank = c.rank("self");
  std::vector<int64_t> to_last;
  for (int64_t i = 0; i < rank; ++i) {
    if (i != axis) to_last.push_back(i);
  }
  to_last.push_back(axis);
  Prefixes result;
  result.back.resize(static_cast<std::size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) result.back[static_cast<std::size_t>(to_last[static_cast<std::size_t>(i)])] = i;
  const Size n = b.size_of(x, axis);
  const V position = b.op("Range", {b.scalar_int(0), b.as_scalar(n), b.scalar_int(1)});
  const V within = b.op("LessOrEqual", {position, b.unsqueeze(position, {1})});
  result.table = b.where(within, b.unsqueeze(b.transpose(x, to_last), {rank - 1}), rest);
  return result;
}

Values cumprod(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  if (c.rank("self") == 0) return {self};
  const int64_t axis = c.axis("dim", "self");
  if (c.b.opset() >= 26) return {c.b.op("CumProd", {self, axis_constant(c.b, axis)})};
  const Prefixes p = prefixes(c, self, axis, number_like(c.b, 1, self));
  return {c.b.transpose(c.b.reduce("ReduceProd", p.table, {c.rank("self")}, false), p.back)};
}

Values logcumsumexp(Context& c) {
  const V self = c.tensor("self");
  if (c.rank("self") == 0) return {self};
  const Prefixes p = prefixes(c, self, c.axis("dim", "self"), number_like(c.b, -kInfinity, self));
  return {c.b.transpose(log_sum_exp(c.b, p.table, {c.rank("self")}, false), p.back)};
}

// What every number of the type is at least, or at most.
V bound(Builder& b, DType dtype, bool lowest) {
  if (is_floating(dtype)) return b.scalar(lowest ? -kInfinity : kInfinity, dtype);
  const int bits = std::min(63, static_cast<int>(8 * size_of(dtype)) - (is_unsigned(dtype) ? 0 : 1));
  const auto highest = static_cast<int64_t>((uint64_t{1} << bits) - 1);
  if (lowest) return b.scalar_int(is_unsigned(dtype) ? 0 : -highest - 1, dtype);
  return b.scalar_int(highest, dtype);
}

// The index is that of the last of equal elements.
template <bool Max>
Values running_extremum(Context& c) {
  const DType dtype = c.out_dtype() == DType::Bool ? DType::Int32 : c.out_dtype();
  const V self = c.operand("self", dtype);
  if (c.rank("self") == 0) return {self, c.b.scalar_int(0)};
  const Prefixes p = prefixes(c, self, c.axis("dim", "self"), bound(c.b, dtype, Max));
  const int64_t last = c.rank("self");
  const V value = c.b.reduce(Max ? "ReduceMax" : "ReduceMin", p.table, {last}, false);
  const V index =
      c.b.op(Max ? "ArgMax" : "ArgMin", {p.table}, {{"axis", last}, {"keepdims", 0}, {"select_last_index", 1}});
  return {c.b.transpose(value, p.back), c.b.transpose(index, p.back)};
}

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

// x[1:] and x[:-1] along an axis.
std::pair<V, V> neighbours(Builder& b, V x, int64_t axis) {
  return {b.slice(x, axis, 1, kEnd), b.slice(x, axis, 0, -1)};
}

Values diff(Context& c) {
  Builder& b = c.b;
  if (c.integer("n") == 0) return {c.tensor("self")};
  const int64_t axis = c.axis("dim", "self");
  Values parts;
  for (const char* name : {"prepend", "self", "append"}) {
    if (c.has(name)) parts.push_back(c.operand(name, c.out_dtype()));
  }
  V x = b.concat(parts, axis);
  for (int64_t i = 0; i < c.integer("n"); ++i) {
    const auto [later, earlier] = neighbours(b, x, axis);
    x = b.op(c.out_dtype() == DType::Bool ? "Xor" : "Sub", {later, earlier});
  }
  return {x};
}

// Areas between neighbours, the spacing being `dx` or the differences of `x`.
V trapezoids(Context& c, int64_t axis) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const auto [later, earlier] = neighbours(b, c.operand("y", dtype), axis);
  const V height = b.mul(b.add(later, earlier), b.scalar(0.5, dtype));
  if (c.node.find("x") == nullptr) return b.mul(height, c.scalar("dx", dtype));
  V x = c.operand("x", dtype);
  if (c.rank("x") == 1 && axis < c.rank("y") - 1) {
    Axes behind;
    for (int64_t i = axis + 1; i < c.rank("y"); ++i) behind.push_back(i - axis);
    x = b.unsqueeze(x, behind);
  }
  const int64_t x_axis = c.rank("x") == 1 ? 0 : axis;
  const auto [x_later, x_earlier] = neighbours(b, x, x_axis);
  return b.mul(height, b.sub(x_later, x_earlier));
}

Values trapezoid(Context& c) {
  const int64_t axis = c.axis("dim", "y");
  return {c.b.reduce("ReduceSum", trapezoids(c, axis), {axis}, false)};
}

Values cumulative_trapezoid(Context& c) {
  const int64_t axis = c.axis("dim", "y");
  return {running_sum(c.b, trapezoids(c, axis), axis)};
}

const Row kRows[] = {
    {"aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumsum},
    {"aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumprod},
    {"aten::logcumsumexp(Tensor self, int dim) -> Tensor", logcumsumexp},
    {"aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)", running_extremum<true>},
    {"aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)", running_extremum<false>},
    {"aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", diff},
    {"aten::trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", trapezoid},
    {"aten::trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", trapezoid},
    {"aten::trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", trapezoid},
    {"aten::trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor", trapezoid},
    {"aten::cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", cumulative_trapezoid},
    {"aten::cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", cumulative_trapezoid},
    {"aten::cumsum_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)", kViaFunctional},
    {"aten::cumsum.out(Tensor self, int dim, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::cumprod_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)", kViaFunctional},
    {"aten::cumprod.out(Tensor self, int dim, *, ScalarType? dtype=None, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::logcumsumexp.out(Tensor self, int dim, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::cummax.out(Tensor self, int dim, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, "
     "Tensor(b!) indices)",
     kViaFunctional},
    {"aten::cummin.out(Tensor self, int dim, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, "
     "Tensor(b!) indices)",
     kViaFunctional},
    {"aten::diff.out(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None, *, Tensor(a!) out) "
     "-> Tensor(a!)",
     kViaFunctional},
};

}  // namespace

Family cumulative_rows() { return kRows; }

}  // namespace modelexport::lower
