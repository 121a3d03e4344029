#include "lower/ops/counting.h"

#include "lower/ops/scatter_elements.h"

namespace modelexport::lower {
namespace {

// How many of bounds[.., n] lie below values[.., m], or not above when `right`; n bounds the same for every value
// when they are of rank 1.
V count_below(Context& c, V bounds, int64_t bounds_rank, V values, int64_t values_rank, bool right) {
  if (bounds_rank > 1) bounds = c.b.unsqueeze(bounds, {bounds_rank - 1});
  const V below = c.b.op(right ? "GreaterOrEqual" : "Greater", {c.b.unsqueeze(values, {values_rank}), bounds});
  return count_true(c.b, below, values_rank);
}

// bool[n, m]: where the numbers, m of them, are 0, 1, ..., n-1.
V hits(Context& c, const Size& n, V numbers) {
  return c.b.op("Equal", {c.b.cast(c.b.unsqueeze(range(c.b, n), {1}), c.b.dtype(numbers)), numbers});
}

}  // namespace

Values lower_searchsorted(Context& c) {
  const DType dtype = c.common_dtype({"sorted_sequence", "self"});
  V bounds = c.operand("sorted_sequence", dtype);
  if (c.has("sorter")) bounds = c.b.op("GatherElements", {bounds, c.tensor("sorter")}, {{"axis", -1}});
  const bool right = c.flag("right") || c.text_or("side", "left") == "right";
  const V count = count_below(c, bounds, c.rank("sorted_sequence"), c.operand("self", dtype), c.rank("self"), right);
  return {c.b.cast(count, c.out_dtype())};
}

Values lower_bucketize(Context& c) {
  const DType dtype = c.common_dtype({"self", "boundaries"});
  const V count =
      count_below(c, c.operand("boundaries", dtype), 1, c.operand("self", dtype), c.rank("self"), c.flag("right"));
  return {c.b.cast(count, c.out_dtype())};
}

// aten::bincount: as many counts as the largest number needs.
Values lower_bincount(Context& c) {
  const V numbers = c.b.cast(c.tensor("self"), DType::Int64);
  const V least = c.b.sub(c.b.as_vector(c.size("minlength")), c.b.ints({1}));
  const V largest = c.b.reduce("ReduceMax", c.b.concat({numbers, least}, 0), {0}, true);
  const Size n(c.b.add(largest, c.b.ints({1})));
  const DType dtype = c.out_dtype();
  const V members = c.b.cast(hits(c, n, numbers), dtype);
  if (!c.has("weights")) return {c.b.reduce("ReduceSum", members, {1}, false)};
  return {c.b.op("MatMul", {members, c.operand("weights", dtype)})};
}

namespace {

// The range that histc divides: the given one, or that of the elements when it is empty.
struct HistogramRange {
  V low;
  V high;

  HistogramRange(Context& c, V x) {
    const DType dtype = c.b.dtype(x);
    if (c.number("min") != c.number("max")) {
      low = c.scalar("min", dtype);
      high = c.scalar("max", dtype);
      return;
    }
    const V smallest = c.b.reduce("ReduceMin", x, {0}, false);
    const V largest = c.b.reduce("ReduceMax", x, {0}, false);
    const V widening = c.b.cast(c.b.op("Equal", {smallest, largest}), dtype);
    low = c.b.sub(smallest, widening);
    high = c.b.add(largest, widening);
  }
};

}  // namespace

// aten::histc: bins of equal width, the last one closed; what lies outside is not counted.
Values lower_histc(Context& c) {
  const V x = flatten(c.b, c.tensor("self"));
  const DType dtype = c.out_dtype();
  const int64_t bins = c.integer("bins");
  const HistogramRange limits(c, x);
  const V scaled = c.b.mul(c.b.sub(x, limits.low), c.b.scalar_int(bins, dtype));
  const V position = c.b.op("Floor", {c.b.div(scaled, c.b.sub(limits.high, limits.low))});
  const V last = c.b.scalar_int(bins - 1, dtype);
  const V placed = c.b.where(c.b.op("Equal", {x, limits.high}), last, position);
  const V counts = count_true(c.b, hits(c, bins, placed), 1, dtype);
  return {counts};
}

Values lower_one_hot(Context& c) {
  const V numbers = c.tensor("self");
  const int64_t classes = c.integer("num_classes");
  const int64_t rank = c.rank("self");
  Size n = classes;
  if (classes < 0) {
    const V largest = c.b.reduce("ReduceMax", flatten(c.b, numbers), {0}, true);
    n = Size(c.b.add(largest, c.b.ints({1})));
  }
  const V hit = c.b.op("Equal", {c.b.unsqueeze(numbers, {rank}), range(c.b, n)});
  return {c.b.cast(hit, c.out_dtype())};
}

Values lower_isin_in(Context& c, std::string_view elements) {
  const DType dtype = c.common_dtype({elements, "test_elements"});
  const int64_t rank = c.rank(elements);
  const V column = c.b.unsqueeze(c.operand(elements, dtype), {rank});
  const V equal = c.b.op("Equal", {column, flatten(c.b, c.operand("test_elements", dtype))});
  const V found = any_of(c.b, equal, {rank});
  return {c.flag("invert") ? c.b.op("Not", {found}) : found};
}

Values lower_isin_scalar(Context& c) {
  const DType dtype = c.common_dtype({"elements", "test_element"});
  const V found = c.b.op("Equal", {c.operand("elements", dtype), c.operand("test_element", dtype)});
  return {c.flag("invert") ? c.b.op("Not", {found}) : found};
}

}  // namespace modelexport::lower
