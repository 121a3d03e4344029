// Systems of linear equations: each column of a matrix is one step of a Scan (Golub and Van Loan, Matrix Computations,
// chapters 3 and 4). Matrices have shape [..., n, n].
#include "lower/ops/elimination.h"

#include <limits>

#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "lower/ops/reduction.h"

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

Frame frame_of(Builder& b, V a) {
  const int64_t rank = *b.rank(a);
  return {b, range(b, b.size_of(a, rank - 1)), rank - 2, rank - 1};
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

// Stacked columns [n, ..., m, 1] as [..., m, n].
V columns_of(Builder& b, V stack) {
  const int64_t rank = *b.rank(stack) - 1;
  return b.transpose(b.squeeze(stack, {rank}), moving(rank, {0}, {rank - 1}));
}

// What a system of no equations gives: onnxruntime's Scan does not run over no columns.
V zeros(Context& c, std::size_t result = 0) {
  return c.b.expand(c.b.scalar(0, c.out_dtype(result)), c.out_sizes(result));
}

// ---- solutions ----

struct Solution {
  V x;
  V pivots;  // [n, ..., 1, 1]
};

Solution solve(Builder& b, V a, V right) {
  const Frame f = frame_of(b, a);
  const V augmented = b.concat({a, right}, f.column_axis);
  const Values results = eliminate(f, augmented);
  const Size n = b.size_of(a, f.column_axis);
  return {b.slice(results[0], f.column_axis, n, b.size_of(augmented, f.column_axis)), results[1]};
}

V identity_like(Builder& b, V a) {
  return b.op("Expand", {identity(b, b.size_of(a, *b.rank(a) - 1), b.dtype(a)), b.shape_of(a)});
}

template <OpName Argument>
Values inverse(Context& c) {
  return {inverse_of(c.b, c.operand(Argument.text, c.out_dtype()))};
}

// What LAPACK reports of a factorization: the number, from 1, of the first step that failed, or 0. `failed` is a bool
// [n, ..., 1, 1] for the steps.
V info_of(Builder& b, V failed) {
  const int64_t rank = *b.rank(failed);
  const V failures = b.squeeze(b.cast(failed, DType::Int32), {rank - 2, rank - 1});
  const V first = b.cast(b.op("ArgMax", {failures}, {{"axis", 0}, {"keepdims", 0}}), DType::Int32);
  const V any = b.reduce("ReduceMax", failures, {0}, false);
  return b.mul(any, b.add(first, b.scalar_int(1, DType::Int32)));
}

V info_of_pivots(Builder& b, V pivots) { return info_of(b, b.op("Equal", {pivots, b.scalar(0, b.dtype(pivots))})); }

Values inverse_and_info(Context& c) {
  const V a = c.operand("A", c.out_dtype());
  if (is_empty(c.b, a)) return {a, zeros(c, 1)};
  const Solution solution = solve(c.b, a, identity_like(c.b, a));
  return {solution.x, info_of_pivots(c.b, solution.pivots)};
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
Solution linalg_solution(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  V a = c.operand("A", dtype);
  V right = c.operand("B", dtype);
  const bool left = c.flag("left");
  const bool vector = *b.rank(right) == 1 || (*b.rank(right) == *b.rank(a) - 1 && c.out_rank() == *b.rank(right));
  if (vector) right = b.unsqueeze(right, {*b.rank(right)});
  if (!left && !vector) right = swap_last_two(b, right);
  if (!left) a = swap_last_two(b, a);
  Sizes sizes = c.out_sizes();
  if (vector) sizes.emplace_back(1);
  const Solution solution = solve(b, batch_of(c, a, sizes), batch_of(c, right, sizes));
  if (vector) return {b.squeeze(solution.x, {*b.rank(solution.x) - 1}), solution.pivots};
  return {left ? solution.x : swap_last_two(b, solution.x), solution.pivots};
}

Values linalg_solve(Context& c) {
  if (is_empty(c.b, c.tensor("A"))) return {zeros(c)};
  return {linalg_solution(c).x};
}

Values linalg_solve_and_info(Context& c) {
  if (is_empty(c.b, c.tensor("A"))) return {zeros(c), zeros(c, 1)};
  const Solution solution = linalg_solution(c);
  return {solution.x, info_of_pivots(c.b, solution.pivots)};
}

// ---- triangles ----

// T X = B by substitution; only the named triangle of T is looked at.
V substitute(Builder& b, V triangle, V right, bool upper, bool unit) {
  const Frame f = frame_of(b, triangle);
  const Values results = scan_columns(
      f, right,
      [&](V state, V k) {
        const V column = f.column(triangle, k);
        V x = f.row(state, k);
        if (!unit) x = b.div(x, f.row(column, k));
        const V others = f.zeros_unless(f.rows_that(upper ? "Less" : "Greater", k), column);
        return Values{b.sub(state, b.mul(others, x)), x};
      },
      upper);
  // The rows [n, ..., 1, m] as [..., n, m].
  const int64_t rank = *b.rank(results[1]) - 1;
  return b.transpose(b.squeeze(results[1], {rank - 1}), moving(rank, {0}, {rank - 2}));
}

V solve_triangular(Context& c, V triangle, V right, bool upper, bool left, bool unit) {
  Builder& b = c.b;
  const Sizes sizes = c.out_sizes();
  if (left) return substitute(b, batch_of(c, triangle, sizes), batch_of(c, right, sizes), upper, unit);
  const V turned = batch_of(c, swap_last_two(b, right), sizes);
  return swap_last_two(b, substitute(b, batch_of(c, swap_last_two(b, triangle), sizes), turned, !upper, unit));
}

Values linalg_solve_triangular(Context& c) {
  const DType dtype = c.out_dtype();
  if (is_empty(c.b, c.operand("self", dtype))) return {zeros(c)};
  return {solve_triangular(c, c.operand("self", dtype), c.operand("B", dtype), c.flag("upper"), c.flag("left"),
                           c.flag("unitriangular"))};
}

// The factor comes back as well.
Values triangular_solve(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V triangle = batch_of(c, c.operand("A", dtype), c.out_sizes());
  if (is_empty(b, triangle)) return {zeros(c), zeros(c, 1)};
  const V right = batch_of(c, c.operand("self", dtype), c.out_sizes());
  const bool transposes = c.flag("transpose");
  const V seen = transposes ? swap_last_two(b, triangle) : triangle;
  return {substitute(b, seen, right, c.flag("upper") != transposes, c.flag("unitriangular")), triangle};
}

// ---- Cholesky ----

// A = L L^T: each step takes one outer product from what is left of A, and gives a column of L. Only A's lower triangle
// is looked at. The columns are [n, ..., n, 1], NaN from the first on that no real number is the root for.
V factor_columns(Builder& b, V a) {
  const Frame f = frame_of(b, a);
  return scan_columns(f, a, [&](V state, V k) {
    const V column = f.column(state, k);
    const V scaled = b.div(column, b.op("Sqrt", {f.row(column, k)}));
    const V factor = f.zeros_unless(f.rows_that("GreaterOrEqual", k), scaled);
    return Values{b.sub(state, b.op("MatMul", {factor, swap_last_two(b, factor)})), factor};
  })[1];
}

// The factor, and the columns that it is made of.
Values cholesky_factor(Context& c) {
  Builder& b = c.b;
  const V a = c.operand("self", c.out_dtype());
  const bool upper = c.flag("upper");
  const V columns = factor_columns(b, upper ? swap_last_two(b, a) : a);
  const V lower = columns_of(b, columns);
  return {upper ? swap_last_two(b, lower) : lower, columns};
}

Values cholesky(Context& c) {
  if (is_empty(c.b, c.tensor("self"))) return {zeros(c)};
  return {cholesky_factor(c).front()};
}

Values cholesky_and_info(Context& c) {
  Builder& b = c.b;
  if (is_empty(b, c.tensor("self"))) return {zeros(c), zeros(c, 1)};
  const Values factor = cholesky_factor(c);
  const V sums = b.reduce("ReduceSum", factor[1], {*b.rank(factor[1]) - 2}, true);
  return {factor[0], info_of(b, b.op("IsNaN", {sums}))};
}

// A^-1 B where A = L L^T, from a factor of A.
V solve_factored(Context& c, V factor, V right) {
  Builder& b = c.b;
  const bool upper = c.flag("upper");
  const V first = substitute(b, upper ? swap_last_two(b, factor) : factor, right, false, false);
  return substitute(b, upper ? factor : swap_last_two(b, factor), first, true, false);
}

Values cholesky_solve(Context& c) {
  const V factor = c.operand("input2", c.out_dtype());
  if (is_empty(c.b, factor)) return {zeros(c)};
  const Sizes sizes = c.out_sizes();
  const V right = c.operand("self", c.out_dtype());
  return {solve_factored(c, batch_of(c, factor, sizes), batch_of(c, right, sizes))};
}

Values cholesky_inverse(Context& c) {
  const V factor = c.operand("self", c.out_dtype());
  if (is_empty(c.b, factor)) return {zeros(c)};
  return {solve_factored(c, factor, identity_like(c.b, factor))};
}

// ---- determinants ----

// Sign and logarithm of the absolute value, from the pivots.
template <OpName Argument>
Values sign_and_log(Context& c) {
  Builder& b = c.b;
  const V a = c.operand(Argument.text, c.out_dtype());
  if (is_empty(c.b, a)) {
    return {b.expand(b.scalar(1, c.out_dtype()), c.out_sizes()), zeros(c)};
  }
  const V pivots = eliminate(frame_of(c.b, a), a)[1];
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
    {"aten::linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)", inverse_and_info},
    {"aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", linalg_solve},
    {"aten::linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor "
     "info)",
     linalg_solve_and_info},
    {"aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) "
     "-> (Tensor solution, Tensor cloned_coefficient)",
     triangular_solve},
    {"aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> "
     "Tensor",
     linalg_solve_triangular},
    {"aten::cholesky(Tensor self, bool upper=False) -> Tensor", cholesky},
    {"aten::linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", cholesky},
    {"aten::linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
     cholesky_and_info},
    {"aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", cholesky_solve},
    {"aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor", cholesky_inverse},
    {"aten::slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", sign_and_log<"self">},
    {"aten::linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", sign_and_log<"A">},
    {"aten::logdet(Tensor self) -> Tensor", log_determinant},
};

}  // namespace

V inverse_of(Builder& b, V a) { return is_empty(b, a) ? a : solve(b, a, identity_like(b, a)).x; }

V solution_of(Builder& b, V a, V right) { return is_empty(b, a) ? right : solve(b, a, right).x; }

Family elimination_ops() { return kRows; }

}  // namespace modelexport::lower
