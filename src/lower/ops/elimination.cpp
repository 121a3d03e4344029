// Systems of linear equations: each column of a matrix is one step of a Scan (Golub and Van Loan, Matrix Computations,
// chapters 3 and 4). Matrices have shape [..., n, n].
#include <limits>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

// What the steps of a Scan over the columns need of a matrix: row numbers int64[n], and the axes of rows and columns.
struct Frame {
  Builder& b;
  V rows;
  int64_t row_axis;
  int64_t column_axis;

  // Column `k` of `x` as [..., n, 1]; row `k` as [..., 1, m].
  [[nodiscard]] V column(V x, V k) const { return b.unsqueeze(b.gather(x, k, column_axis), {column_axis}); }
  [[nodiscard]] V row(V x, V k) const { return b.unsqueeze(b.gather(x, k, row_axis), {row_axis}); }
  // Which rows compare to `k` as asked: bool [n, 1].
  [[nodiscard]] V rows_that(const char* comparison, V k) const { return b.unsqueeze(b.op(comparison, {rows, k}), {1}); }
  [[nodiscard]] V zeros_unless(V condition, V x) const { return b.where(condition, x, b.scalar(0, b.dtype(x))); }
};

Frame frame_of(Context& c, V a) {
  Builder& b = c.b;
  const int64_t rank = *b.rank(a);
  const V n = b.as_scalar(b.size_of(a, rank - 1));
  return {b, b.op("Range", {b.scalar_int(0), n, b.scalar_int(1)}), rank - 2, rank - 1};
}

// Scans the columns with `step(state, k)`, which gives the next state and what to stack along a new first axis.
// Returns the last state and the stack.
template <typename Step>
Values scan_columns(const Frame& f, V initial, Step step, bool backwards = false) {
  Builder& b = f.b;
  b.enter_graph("column");
  const V state = b.graph_input("state", b.dtype(initial), b.value(initial).shape);
  const V k = b.graph_input("k", DType::Int64, onnx::Shape{});
  const auto body = b.leave_graph(step(state, k));
  const std::vector<int64_t> direction{backwards ? 1 : 0};
  Values results = b.ops("Scan", {initial, f.rows}, 2,
                         {{"body", body},
                          {"num_scan_inputs", 1},
                          {"scan_input_directions", direction},
                          {"scan_output_directions", direction}});
  b.refine(results[0], b.dtype(initial), b.value(initial).shape);
  b.refine(results[1], b.dtype(initial), onnx::Shape(static_cast<std::size_t>(*b.rank(initial)) + 1));
  return results;
}

// `x` with rows k and p (int64 [..., 1]) exchanged.
V exchange_rows(const Frame& f, V x, V k, V p) {
  Builder& b = f.b;
  const V order = b.where(b.op("Equal", {f.rows, k}), p, b.where(b.op("Equal", {f.rows, p}), k, f.rows));
  const V index = b.op("Expand", {b.unsqueeze(order, {f.column_axis}), b.shape_of(x)});
  return b.op("GatherElements", {x, index}, {{"axis", f.row_axis}});
}

// Gauss-Jordan elimination with partial pivoting of [A | B]: the last state is [I | A^-1 B], the stack holds the pivots
// [n, ..., 1, 1], negative for each exchange of rows; their product is the determinant of A.
Values eliminate(const Frame& f, V augmented) {
  return scan_columns(f, augmented, [&](V state, V k) {
    Builder& b = f.b;
    const V candidates = b.op("Abs", {b.gather(state, k, f.column_axis)});
    const V reachable = b.op("GreaterOrEqual", {f.rows, k});
    const V scores = b.where(reachable, candidates, b.scalar(-1, b.dtype(state)));
    const V p = b.op("ArgMax", {scores}, {{"axis", f.row_axis}, {"keepdims", 1}});
    const V exchanged = exchange_rows(f, state, k, p);
    const V pivot_row = f.row(exchanged, k);
    const V pivot = f.column(pivot_row, k);
    const V unit_row = b.div(pivot_row, pivot);
    const V rest = b.sub(exchanged, b.mul(f.column(exchanged, k), unit_row));
    const V stays = b.unsqueeze(b.op("Equal", {p, k}), {f.column_axis});
    return Values{b.where(f.rows_that("Equal", k), unit_row, rest), b.where(stays, pivot, b.op("Neg", {pivot}))};
  });
}

V transposed(Builder& b, V x) {
  const int64_t rank = *b.rank(x);
  std::vector<int64_t> perm(static_cast<std::size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) perm[static_cast<std::size_t>(i)] = i < rank - 2 ? i : 2 * rank - 3 - i;
  return b.transpose(x, perm);
}

// Stacked columns [n, ..., m, 1] as [..., m, n].
V columns_of(Builder& b, V stack) {
  const int64_t rank = *b.rank(stack);
  std::vector<int64_t> perm;
  for (int64_t i = 1; i < rank; ++i) perm.push_back(i);
  perm.back() = 0;
  return b.transpose(b.squeeze(stack, {rank - 1}), std::vector<int64_t>(perm.begin(), perm.end()));
}

// onnxruntime's Scan does not run over no columns.
bool is_empty(Context& c, V a) {
  const Size n = c.b.size_of(a, *c.b.rank(a) - 1);
  return n.is_static() && n.value == 0;
}

V zeros(Context& c) { return c.b.expand(c.b.scalar(0, c.out_dtype()), c.out_sizes()); }

// ---- solutions ----

V solve(Context& c, V a, V right) {
  Builder& b = c.b;
  const Frame f = frame_of(c, a);
  const V augmented = b.concat({a, right}, f.column_axis);
  const Size n = b.size_of(a, f.column_axis);
  return b.slice(eliminate(f, augmented)[0], f.column_axis, n, b.size_of(augmented, f.column_axis));
}

V identity_like(Context& c, V a) {
  Builder& b = c.b;
  const V rows = frame_of(c, a).rows;
  const V same = b.cast(b.op("Equal", {b.unsqueeze(rows, {1}), rows}), b.dtype(a));
  return b.op("Expand", {same, b.shape_of(a)});
}

template <OpName Argument>
Values inverse(Context& c) {
  const V a = c.operand(Argument.text, c.out_dtype());
  if (is_empty(c, a)) return {zeros(c)};
  return {solve(c, a, identity_like(c, a))};
}

// Matrices of a batch, each of the sizes that its last two axes have.
V batch_of(Context& c, V x, const Sizes& result) {
  Builder& b = c.b;
  Sizes sizes(result.begin(), result.end() - 2);
  const int64_t rank = *b.rank(x);
  sizes.push_back(b.size_of(x, rank - 2));
  sizes.push_back(b.size_of(x, rank - 1));
  return b.expand(x, sizes);
}

// A right side of rank 1 is one column; so are the rows of [..., n] when A is [..., n, n] (torch.linalg.solve).
Values linalg_solve(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  V a = c.operand("A", dtype);
  V right = c.operand("B", dtype);
  if (is_empty(c, a)) return {zeros(c)};
  const bool left = c.flag("left");
  const bool vector = *b.rank(right) == 1 || (*b.rank(right) == *b.rank(a) - 1 && c.out_rank() == *b.rank(right));
  if (vector) right = b.unsqueeze(right, {*b.rank(right)});
  if (!left && !vector) right = transposed(b, right);
  if (!left) a = transposed(b, a);
  Sizes sizes = c.out_sizes();
  if (vector) sizes.emplace_back(1);
  const V x = solve(c, batch_of(c, a, sizes), batch_of(c, right, sizes));
  if (vector) return {b.squeeze(x, {*b.rank(x) - 1})};
  return {left ? x : transposed(b, x)};
}

// ---- triangles ----

// T X = B by substitution; only the named triangle of T is looked at.
V substitute(Context& c, V triangle, V right, bool upper, bool unit) {
  const Frame f = frame_of(c, triangle);
  const Values results = scan_columns(
      f, right,
      [&](V state, V k) {
        Builder& b = f.b;
        const V column = f.column(triangle, k);
        V x = f.row(state, k);
        if (!unit) x = b.div(x, f.row(column, k));
        const V others = f.zeros_unless(f.rows_that(upper ? "Less" : "Greater", k), column);
        return Values{b.sub(state, b.mul(others, x)), x};
      },
      upper);
  // The rows [n, ..., 1, m] as [..., n, m].
  Builder& b = c.b;
  const int64_t rank = *b.rank(results[1]);
  std::vector<int64_t> perm;
  for (int64_t i = 1; i < rank - 2; ++i) perm.push_back(i);
  perm.insert(perm.end(), {0, rank - 2});
  return b.transpose(b.squeeze(results[1], {rank - 2}), perm);
}

V solve_triangular(Context& c, V triangle, V right, bool upper, bool left, bool unit) {
  Builder& b = c.b;
  const Sizes sizes = c.out_sizes();
  if (left) return substitute(c, batch_of(c, triangle, sizes), batch_of(c, right, sizes), upper, unit);
  const V turned = batch_of(c, transposed(b, right), sizes);
  return transposed(b, substitute(c, batch_of(c, transposed(b, triangle), sizes), turned, !upper, unit));
}

Values linalg_solve_triangular(Context& c) {
  const DType dtype = c.out_dtype();
  if (is_empty(c, c.operand("self", dtype))) return {zeros(c)};
  return {solve_triangular(c, c.operand("self", dtype), c.operand("B", dtype), c.flag("upper"), c.flag("left"),
                           c.flag("unitriangular"))};
}

// ---- Cholesky ----

// A = L L^T: each step takes one outer product from what is left of A. Only A's lower triangle is looked at.
V lower_factor(Context& c, V a) {
  const Frame f = frame_of(c, a);
  return columns_of(c.b, scan_columns(f, a, [&](V state, V k) {
                      Builder& b = f.b;
                      const V column = f.column(state, k);
                      const V scaled = b.div(column, b.op("Sqrt", {f.row(column, k)}));
                      const V factor = f.zeros_unless(f.rows_that("GreaterOrEqual", k), scaled);
                      return Values{b.sub(state, b.op("MatMul", {factor, transposed(b, factor)})), factor};
                    })[1]);
}

Values cholesky(Context& c) {
  const V a = c.operand("self", c.out_dtype());
  if (is_empty(c, a)) return {zeros(c)};
  if (!c.flag("upper")) return {lower_factor(c, a)};
  return {transposed(c.b, lower_factor(c, transposed(c.b, a)))};
}

// A^-1 B where A = L L^T, from a factor of A.
V solve_factored(Context& c, V factor, V right) {
  Builder& b = c.b;
  const bool upper = c.flag("upper");
  const V first = substitute(c, upper ? transposed(b, factor) : factor, right, false, false);
  return substitute(c, upper ? factor : transposed(b, factor), first, true, false);
}

Values cholesky_solve(Context& c) {
  const V factor = c.operand("input2", c.out_dtype());
  if (is_empty(c, factor)) return {zeros(c)};
  const Sizes sizes = c.out_sizes();
  const V right = c.operand("self", c.out_dtype());
  return {solve_factored(c, batch_of(c, factor, sizes), batch_of(c, right, sizes))};
}

Values cholesky_inverse(Context& c) {
  const V factor = c.operand("self", c.out_dtype());
  if (is_empty(c, factor)) return {zeros(c)};
  return {solve_factored(c, factor, identity_like(c, factor))};
}

// ---- determinants ----

// Sign and logarithm of the absolute value, from the pivots.
template <OpName Argument>
Values sign_and_log(Context& c) {
  Builder& b = c.b;
  const V a = c.operand(Argument.text, c.out_dtype());
  if (is_empty(c, a)) {
    return {b.expand(b.scalar(1, c.out_dtype()), c.out_sizes()), zeros(c)};
  }
  const V pivots = eliminate(frame_of(c, a), a)[1];
  const int64_t rank = *b.rank(pivots);
  const V sign = b.reduce("ReduceProd", b.op("Sign", {pivots}), {0, rank - 2, rank - 1}, false);
  const V logarithms = b.op("Log", {b.op("Abs", {pivots})});
  return {sign, b.reduce("ReduceSum", logarithms, {0, rank - 2, rank - 1}, false)};
}

Values log_determinant(Context& c) {
  Builder& b = c.b;
  const Values parts = sign_and_log<"self">(c);
  const V zero = b.scalar(0, c.out_dtype());
  const V negative = b.op("Less", {parts[0], zero});
  return {b.where(negative, b.scalar(std::numeric_limits<double>::quiet_NaN(), c.out_dtype()), parts[1])};
}

constexpr Row kRows[] = {
    {"aten::inverse(Tensor self) -> Tensor", inverse<"self">},
    {"aten::linalg_inv(Tensor A) -> Tensor", inverse<"A">},
    {"aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", linalg_solve},
    {"aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> "
     "Tensor",
     linalg_solve_triangular},
    {"aten::cholesky(Tensor self, bool upper=False) -> Tensor", cholesky},
    {"aten::linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", cholesky},
    {"aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", cholesky_solve},
    {"aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor", cholesky_inverse},
    {"aten::slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", sign_and_log<"self">},
    {"aten::linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", sign_and_log<"A">},
    {"aten::logdet(Tensor self) -> Tensor", log_determinant},
};

}  // namespace

Family elimination_ops() { return kRows; }

}  // namespace modelexport::lower
