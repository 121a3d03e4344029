// Distances and similarities between vectors.
#include "lower/ops/activation.h"
#include "lower/ops/elementwise.h"
#include "lower/ops/layout.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

V vector_dot(Builder& b, V x, V y, int64_t axis, bool keepdim = false) {
  return reduced(b, "ReduceSum", b.mul(x, y), {axis}, keepdim);
}

V similarity(Builder& b, V x, V y, int64_t axis, double eps) {
  const auto unit = [&](V v) {
    const V length = vector_norm(b, v, 2, {axis}, true);
    return b.div(v, b.op("Max", {length, number_like(b, eps, length)}));
  };
  return vector_dot(b, unit(x), unit(y), axis);
}

Values cosine_similarity(Context& c) {
  const DType dtype = c.out_dtype();
  const Dims common = broadcast({c.info("x1").sizes, c.info("x2").sizes});
  const V x1 = c.b.expand(c.operand("x1", dtype), c.sizes_of(common));
  const V x2 = c.b.expand(c.operand("x2", dtype), c.sizes_of(common));
  return {similarity(c.b, x1, x2, c.axis("dim", static_cast<int64_t>(common.size())), c.number("eps"))};
}

Values pairwise_distance(Context& c) {
  const DType dtype = c.out_dtype();
  V difference = c.b.sub(c.operand("x1", dtype), c.operand("x2", dtype));
  difference = c.b.add(difference, number_like(c.b, c.number("eps"), difference));
  const int64_t last = std::max(c.rank("x1"), c.rank("x2")) - 1;
  return {vector_norm(c.b, difference, c.number("p"), {last}, c.flag("keepdim"))};
}

// |x|^2 + |y|^2 - 2 x.y: what torch computes for more than 25 rows, where all differences would take much memory.
V euclidean_by_product(Builder& b, V x, V y, int64_t rank) {
  std::vector<int64_t> swap;
  for (int64_t axis = 0; axis < rank; ++axis) swap.push_back(axis);
  std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
  const V transposed = b.transpose(y, swap);
  const V product = b.mul(b.op("MatMul", {x, transposed}), number_like(b, -2, x));
  const V x_square = vector_dot(b, x, x, rank - 1, true);
  const V y_square = vector_dot(b, transposed, transposed, rank - 2, true);
  const V square = b.add(b.add(product, x_square), y_square);
  return b.op("Sqrt", {b.op("Max", {square, number_like(b, 0, square)})});
}

Values cdist(Context& c) {
  const DType dtype = c.out_dtype();
  const V x1 = c.operand("x1", dtype);
  const V x2 = c.operand("x2", dtype);
  const int64_t rank = c.rank("x1");
  const double p = c.number("p");
  const auto many_rows = [&](std::string_view name) {
    const auto shape = c.static_shape(name);
    return !shape || (*shape)[shape->size() - 2] > 25;
  };
  constexpr int64_t kNeverByProduct = 2;
  const bool by_product = c.integer_or("compute_mode", 0) != kNeverByProduct && (many_rows("x1") || many_rows("x2"));
  if (p == 2 && by_product && c.rank("x2") == rank) return {euclidean_by_product(c.b, x1, x2, rank)};
  const V rows = c.b.unsqueeze(x1, {rank - 1});
  const V columns = c.b.unsqueeze(x2, {c.rank("x2") - 2});
  return {vector_norm(c.b, c.b.sub(rows, columns), p, {std::max(rank, c.rank("x2"))}, false)};
}

// The distance of every row to each of those behind it.
Values pdist(Context& c) {
  const auto shape = c.static_shape("self");
  if (!shape) c.unsupported("how many pairs of rows there are is known at run time only");
  std::vector<int64_t> first;
  std::vector<int64_t> second;
  for (int64_t i = 0; i < shape->front(); ++i) {
    for (int64_t j = i + 1; j < shape->front(); ++j) {
      first.push_back(i);
      second.push_back(j);
    }
  }
  Builder& b = c.b;
  const V x = c.operand("self", c.out_dtype());
  const V difference = b.sub(b.gather(x, b.ints(first), 0), b.gather(x, b.ints(second), 0));
  return {vector_norm(b, difference, c.number("p"), {1}, false)};
}

Values dist(Context& c) {
  const DType dtype = c.out_dtype();
  const V difference = c.b.sub(c.operand("self", dtype), c.operand("other", dtype));
  return {vector_norm(c.b, difference, c.number("p"), {}, false)};
}

// The loss is measured on -1 and 1: apart or together.
Values cosine_embedding_loss(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V x1 = c.operand("input1", dtype);
  const V x2 = c.operand("input2", dtype);
  const V target = c.operand("target", dtype);
  const int64_t axis = c.rank("input1") - 1;
  constexpr double kEps = 1e-12;
  const auto square = [&](V x) { return b.add(vector_dot(b, x, x, axis), number_like(b, kEps, x)); };
  const V length = b.op("Sqrt", {b.mul(square(x1), square(x2))});
  const V cosine = b.div(vector_dot(b, x1, x2, axis), length);
  const V zero = number_like(b, 0, cosine);
  const V one = number_like(b, 1, cosine);
  const V apart = b.op("Max", {zero, b.sub(cosine, number_like(b, c.number("margin"), cosine))});
  const V together = b.where(b.op("Equal", {target, one}), b.sub(one, cosine), zero);
  const V loss = b.add(together, b.where(b.op("Equal", {target, b.op("Neg", {one})}), apart, zero));
  const int64_t reduction = c.integer("reduction");
  if (reduction == 0) return {loss};
  return {reduced(b, reduction == 1 ? "ReduceMean" : "ReduceSum", loss, {}, false)};
}

Values triplet_margin_loss(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const auto between = [&](const char* x, const char* y) {
    const V difference = b.sub(c.operand(x, dtype), c.operand(y, dtype));
    const V shifted = b.add(difference, number_like(b, c.number("eps"), difference));
    return vector_norm(b, shifted, c.number("p"), {c.rank(x) - 1}, false);
  };
  V to_negative = between("anchor", "negative");
  if (c.flag("swap")) to_negative = b.op("Min", {to_negative, between("positive", "negative")});
  const V gap = b.sub(between("anchor", "positive"), to_negative);
  const V margin = number_like(b, c.number("margin"), gap);
  const V loss = b.op("Max", {b.add(gap, margin), number_like(b, 0, gap)});
  const int64_t reduction = c.integer("reduction");
  if (reduction == 0) return {loss};
  return {reduced(b, reduction == 1 ? "ReduceMean" : "ReduceSum", loss, {}, false)};
}

const Row kRows[] = {
    {"aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", cosine_similarity},
    {"aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) "
     "-> Tensor",
     pairwise_distance},
    {"aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor", cdist},
    {"aten::pdist(Tensor self, float p=2.) -> Tensor", pdist},
    {"aten::_pdist_forward(Tensor self, float p=2.) -> Tensor", pdist},
    {"aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", dist},
    {"aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> "
     "Tensor",
     cosine_embedding_loss},
    {"aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float "
     "eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor",
     triplet_margin_loss},
};

}  // namespace

Family distance_rows() { return kRows; }

}  // namespace modelexport::lower
