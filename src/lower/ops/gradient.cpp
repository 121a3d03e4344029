// torch.gradient: differences of neighbours over their distance, one result an axis.
#include <limits>

#include "lower/ops/layout.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

// The values along one axis, and how far apart they are: a step, or a coordinate each, which broadcast with them.
struct Line {
  Builder& b;
  int64_t axis;
  V x;
  V step;
  V coordinates;

  // Coordinates have no axes before theirs.
  [[nodiscard]] V between(V values, int64_t start, int64_t end) const {
    return b.slice(values, values == x ? axis : 0, start, end);
  }
  [[nodiscard]] V point(V values, int64_t index) const {
    return between(values, index, index == -1 ? kEnd : index + 1);
  }
  // Over the distances: differences between point `to` and point `from`.
  [[nodiscard]] V slope(int64_t from, int64_t to) const {
    return b.div(b.sub(point(x, to), point(x, from)), distance(from, to));
  }
  [[nodiscard]] V distance(int64_t from, int64_t to) const {
    if (step) return from < to ? step : b.op("Neg", {step});
    return b.sub(point(coordinates, to), point(coordinates, from));
  }
};

// At an end, the slope of the line through the nearest two points, or of the parabola through the nearest three.
V slope_at_end(const Line& line, bool first, int64_t edge_order) {
  Builder& b = line.b;
  const auto nth = [&](int64_t i) { return first ? i : -1 - i; };
  const V near = line.slope(nth(0), nth(1));
  if (edge_order == 1) return near;
  const V far = line.slope(nth(1), nth(2));
  const V distance = line.distance(nth(0), nth(1));
  const V bend = b.div(b.sub(far, near), b.add(distance, line.distance(nth(1), nth(2))));
  return b.sub(near, b.mul(bend, distance));
}

// The slope of the parabola through each point and its neighbours.
V slopes_inside(const Line& line) {
  Builder& b = line.b;
  const auto differences = [&](V values, int64_t offset) {  // from point i to i + 1, for i from `offset` on
    return b.sub(line.between(values, offset + 1, offset == 0 ? -1 : kEnd), line.between(values, offset, offset - 2));
  };
  if (line.step) {
    return b.div(b.sub(line.between(line.x, 2, kEnd), line.between(line.x, 0, -2)), b.add(line.step, line.step));
  }
  const V left = differences(line.coordinates, 0);
  const V right = differences(line.coordinates, 1);
  const V left_slope = b.div(differences(line.x, 0), left);
  const V right_slope = b.div(differences(line.x, 1), right);
  return b.div(b.add(b.mul(left_slope, right), b.mul(right_slope, left)), b.add(left, right));
}

// `dim` is missing from a schema or None, one axis, or several.
std::vector<int64_t> axes_of(Context& c) {
  std::vector<int64_t> axes = c.axes("dim", "self");
  return axes.empty() ? iota(c.rank("self")) : axes;
}

// With a line for each axis that `line_of(i, axis)` gives.
template <typename LineOf>
Values gradient(Context& c, LineOf line_of) {
  const std::vector<int64_t> axes = axes_of(c);
  const int64_t order = c.integer("edge_order");
  Values results;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Line line = line_of(i, axes[i]);
    results.push_back(
        c.b.concat({slope_at_end(line, true, order), slopes_inside(line), slope_at_end(line, false, order)}, axes[i]));
  }
  return results;
}

Values gradient_by_steps(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  std::vector<double> steps = c.node.find("spacing") != nullptr ? c.numbers("spacing") : std::vector<double>{};
  if (steps.empty()) steps = {1};
  return gradient(c, [&](std::size_t i, int64_t axis) {
    return Line{c.b, axis, self, c.b.scalar(steps.at(steps.size() == 1 ? 0 : i), c.out_dtype()), {}};
  });
}

Values gradient_by_coordinates(Context& c) {
  const V self = c.operand("self", c.out_dtype());
  const Values coordinates = c.tensors("spacing");
  return gradient(c, [&](std::size_t i, int64_t axis) {
    const V here = c.b.cast(coordinates.at(i), c.out_dtype());
    return Line{c.b, axis, self, {}, along_axis(c.b, here, axis, c.rank("self"))};
  });
}

const Row kRows[] = {
    {"aten::gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
     gradient_by_steps},
    {"aten::gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]",
     gradient_by_steps},
    {"aten::gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]", gradient_by_steps},
    {"aten::gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
     gradient_by_steps},
    {"aten::gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
     gradient_by_steps},
    {"aten::gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
     gradient_by_coordinates},
    {"aten::gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
     gradient_by_coordinates},
};

}  // namespace

Family gradient_rows() { return kRows; }

}  // namespace modelexport::lower
