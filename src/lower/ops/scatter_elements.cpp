#include "lower/ops/scatter_elements.h"

#include <limits>

namespace modelexport::lower {
namespace {

struct Spelling {
  const char* attribute;  // of ScatterElements
  const char* reduce;     // the operator that reduces along an axis
  const char* combine;    // the operator that joins two tensors
};

Spelling spelling_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::Mul:
      return {"mul", "ReduceProd", "Mul"};
    case Reduction::Max:
      return {"max", "ReduceMax", "Max"};
    case Reduction::Min:
      return {"min", "ReduceMin", "Min"};
    default:
      return {"add", "ReduceSum", "Add"};
  }
}

bool has_attribute(const Builder& b, Reduction reduction) {
  const bool is_extremum = reduction == Reduction::Max || reduction == Reduction::Min;
  return b.opset() >= (is_extremum ? 18 : 16);
}

// Appends neutral elements so that x, of sizes `from` but for `axis`, has sizes `to`.
V pad_to(Context& c, V x, const Dims& from, const Dims& to, int64_t axis, V neutral) {
  Sizes pads(from.size(), 0);
  bool needed = false;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const bool same = static_cast<int64_t>(i) == axis || from[i] == to[i];
    pads.push_back(same ? Size(0) : c.b.size_sub(c.size_of(to[i]), c.size_of(from[i])));
    needed |= !same;
  }
  return needed ? c.b.op("Pad", {x, c.b.shape_tensor(pads), neutral}) : x;
}

V scatter_densely(Context& c, const Scatter& s, Reduction reduction) {
  const Spelling spelling = spelling_of(reduction);
  const auto rank = static_cast<int64_t>(s.sizes.size());
  const V neutral = neutral_element(c.b, reduction, c.b.dtype(s.x));
  const V targets = along_axis(c.b, range(c.b, c.size_of(s.sizes[s.axis])), s.axis, rank + 1);
  const V index = c.b.cast(c.b.unsqueeze(s.index, {s.axis}), DType::Int64);
  const V hits = c.b.op("Equal", {index, targets});
  const V spread = c.b.where(hits, c.b.unsqueeze(s.updates, {s.axis}), neutral);
  const V reduced = c.b.reduce(spelling.reduce, spread, {s.axis + 1}, false);
  return c.b.op(spelling.combine, {s.x, pad_to(c, reduced, s.index_sizes, s.sizes, s.axis, neutral)});
}

// Positions as row numbers of x with its picked axes merged; negative ones count from the end.
V row_numbers(Context& c, const Dims& sizes, const Positions& positions) {
  V rows;
  for (int64_t i = 0; i < positions.n_axes; ++i) {
    const V extent = c.b.as_scalar(c.size_of(sizes[i]));
    const V given = c.b.gather(positions.value, c.b.scalar_int(i), positions.rank);
    const V wrapped = c.b.op("Mod", {given, extent});
    rows = rows ? c.b.add(c.b.mul(rows, extent), wrapped) : wrapped;
  }
  return flatten(c.b, rows);
}

V add_rows(Context& c, V x, const Dims& sizes, const Positions& positions, V updates) {
  const int64_t n_axes = positions.n_axes;
  Size n_rows = 1;
  Size width = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Size& product = static_cast<int64_t>(i) < n_axes ? n_rows : width;
    product = c.b.size_mul(product, c.size_of(sizes[i]));
  }
  const V rows = row_numbers(c, sizes, positions);
  const V hits = c.b.op("Equal", {c.b.unsqueeze(range(c.b, n_rows), {1}), rows});
  const V sums = c.b.op("MatMul", {c.b.cast(hits, c.b.dtype(x)), c.b.reshape(updates, {-1, width})});
  return c.b.add(x, reshape_dims(c, sums, {kInferred, kInferred}, sizes));
}

}  // namespace

V neutral_element(Builder& b, Reduction reduction, DType dtype) {
  if (reduction == Reduction::Add || reduction == Reduction::None) return b.scalar_int(0, dtype);
  if (reduction == Reduction::Mul) return b.scalar_int(1, dtype);
  const bool lowest = reduction == Reduction::Max;
  const double infinity = std::numeric_limits<double>::infinity();
  if (is_floating(dtype)) return b.scalar(lowest ? -infinity : infinity, dtype);
  const std::size_t bits = dtype == DType::Bool ? 1 : 8 * size_of(dtype) - (is_unsigned(dtype) ? 0 : 1);
  const int64_t highest = bits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << bits) - 1;
  if (!lowest) return b.scalar_int(highest, dtype);
  return b.scalar_int(is_unsigned(dtype) || dtype == DType::Bool ? 0 : -highest - 1, dtype);
}

V scatter_elements(Context& c, const Scatter& s, Reduction reduction) {
  if (is_empty(s.index_sizes)) return s.x;
  if (c.b.dtype(s.x) == DType::Bool && reduction != Reduction::None) {
    // As numbers: a sum or maximum is then "or", a product or minimum "and".
    Scatter numbers = s;
    numbers.x = c.b.cast(s.x, DType::Int32);
    numbers.updates = c.b.cast(s.updates, DType::Int32);
    return c.b.cast(scatter_elements(c, numbers, reduction), DType::Bool);
  }
  if (reduction != Reduction::None && !has_attribute(c.b, reduction)) return scatter_densely(c, s, reduction);
  Attrs attrs{{"axis", s.axis}};
  if (reduction != Reduction::None) attrs.push_back({"reduction", spelling_of(reduction).attribute});
  return c.b.op("ScatterElements", {s.x, s.index, s.updates}, attrs);
}

V scatter_nd(Context& c, V x, const Dims& sizes, const Positions& positions, V updates, bool add) {
  if (!add) return c.b.op("ScatterND", {x, positions.value, updates});
  if (has_attribute(c.b, Reduction::Add)) {
    return c.b.op("ScatterND", {x, positions.value, updates}, {{"reduction", "add"}});
  }
  return add_rows(c, x, sizes, positions, updates);
}

}  // namespace modelexport::lower
