// grid_sampler: reads an image (or a volume) at the positions of a grid, which count from -1 to 1, x first.
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

enum Interpolation : int64_t { kLinear = 0, kNearest = 1, kCubic = 2 };
enum Padding : int64_t { kZeros = 0, kBorder = 1, kReflection = 2 };

V grid_sample_node(Context& c, V x, V grid, int64_t interpolation, int64_t padding) {
  static constexpr const char* kNames[] = {"linear", "nearest", "cubic"};
  static constexpr const char* kNamesBefore20[] = {"bilinear", "nearest", "bicubic"};
  static constexpr const char* kPaddings[] = {"zeros", "border", "reflection"};
  return c.b.op("GridSample", {x, grid},
                {{"mode", (c.b.opset() >= 20 ? kNames : kNamesBefore20)[interpolation]},
                 {"padding_mode", kPaddings[padding]},
                 {"align_corners", c.flag("align_corners")}});
}

// ---- written out, for opsets without GridSample (images before 16, volumes before 20) ----

struct Sampler {
  Builder& b;
  DType dtype;
  bool align_corners;
  int64_t padding;

  V number(double value) const { return b.scalar(value, dtype); }

  // Bounces off the borders as often as it takes.
  V reflect(V position, V size) const {
    const V low = number(align_corners ? 0 : -0.5);
    const V span = align_corners ? b.sub(size, number(1)) : size;
    const V safe_span = b.op("Max", {span, number(1e-30)});
    const V distance = b.op("Abs", {b.sub(position, low)});
    const V bounces = b.op("Floor", {b.div(distance, safe_span)});
    const V rest = b.sub(distance, b.mul(bounces, safe_span));
    const V is_even = b.op("Equal", {b.op("Mod", {bounces, number(2)}, {{"fmod", 1}}), number(0)});
    return b.add(b.where(is_even, rest, b.sub(span, rest)), low);
  }

  // From [-1, 1] to element positions, inside the image unless padding with zeros.
  V position(V grid, V size) const {
    const V last = b.sub(size, number(1));
    const V shifted = b.add(grid, number(1));
    V position = align_corners ? b.mul(shifted, b.div(last, number(2)))
                               : b.div(b.sub(b.mul(shifted, size), number(1)), number(2));
    if (padding == kReflection) position = reflect(position, size);
    return padding == kZeros ? position : b.clip(position, number(0), last);
  }
};

// One element along one axis: where, and how much it counts.
struct Tap {
  V index;  // int64, within the axis
  V weight;
};

Tap tap(const Sampler& s, V position, V weight, V size) {
  Builder& b = s.b;
  const V last = b.sub(size, s.number(1));
  const V inside = b.clip(position, s.number(0), last);
  if (s.padding == kZeros) {
    const V counts = b.cast(b.op("Equal", {inside, position}), s.dtype);
    weight = weight ? b.mul(weight, counts) : counts;
  }
  return {b.cast(inside, DType::Int64), weight};
}

std::vector<Tap> taps(const Sampler& s, V grid, V size, int64_t interpolation) {
  Builder& b = s.b;
  const V position = s.position(grid, size);
  if (interpolation == kNearest) return {tap(s, b.op("Round", {position}), {}, size)};
  const V lower = b.op("Floor", {position});
  const V fraction = b.sub(position, lower);
  return {tap(s, lower, b.sub(s.number(1), fraction), size), tap(s, b.add(lower, s.number(1)), fraction, size)};
}

V product(Builder& b, V x, V y) { return !x ? y : !y ? x : b.mul(x, y); }

// The sum over all combinations of taps, one an axis.
V sample(Context& c, V x, V grid, int64_t interpolation, int64_t padding) {
  Builder& b = c.b;
  const Sampler s{b, b.dtype(x), c.flag("align_corners"), padding};
  const Sizes in = c.shape("input");
  const Sizes out = c.out_sizes();
  const auto n = static_cast<int64_t>(in.size()) - 2;
  Size points = 1;
  Size plane = 1;
  for (std::size_t i = 2; i < in.size(); ++i) {
    points = b.size_mul(points, out[i]);
    plane = b.size_mul(plane, in[i]);
  }
  const V flat_grid = b.reshape(grid, {in[0], points, n});
  const V flat = b.reshape(x, {in[0], in[1], plane});
  std::vector<Tap> combined{{}};
  for (int64_t axis = 0; axis < n; ++axis) {
    const Size& size = in[static_cast<std::size_t>(axis) + 2];
    const V column = b.gather(flat_grid, b.scalar_int(n - 1 - axis), 2);
    std::vector<Tap> longer;
    for (const Tap& next : taps(s, column, b.as_scalar(size, s.dtype), interpolation)) {
      for (const Tap& prefix : combined) {
        const V index = prefix.index ? b.add(b.mul(prefix.index, b.as_scalar(size)), next.index) : next.index;
        longer.push_back({index, product(b, prefix.weight, next.weight)});
      }
    }
    combined = longer;
  }
  V sum;
  for (const Tap& t : combined) {
    const V index = b.expand(b.unsqueeze(t.index, {1}), {in[0], in[1], points});
    V value = b.op("GatherElements", {flat, index}, {{"axis", 2}});
    if (t.weight) value = b.mul(value, b.unsqueeze(t.weight, {1}));
    sum = sum ? b.add(sum, value) : value;
  }
  return b.reshape(sum, out);
}

Values grid_sampler(Context& c) {
  const int64_t interpolation = c.integer("interpolation_mode");
  const int64_t padding = c.integer("padding_mode");
  if (interpolation < kLinear || interpolation > kCubic) c.unsupported("an unknown interpolation mode");
  if (padding < kZeros || padding > kReflection) c.unsupported("an unknown padding mode");
  const V x = c.operand("input", c.out_dtype());
  const V grid = c.operand("grid", c.out_dtype());
  const bool is_image = c.rank("input") == 4;
  if (c.b.opset() >= (is_image ? 16 : 20)) return {grid_sample_node(c, x, grid, interpolation, padding)};
  if (interpolation == kCubic) c.unsupported("bicubic sampling needs opset 16");
  return {sample(c, x, grid, interpolation, padding)};
}

constexpr Row kRows[] = {
    {"aten::grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> "
     "Tensor",
     grid_sampler},
    {"aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) "
     "-> Tensor",
     grid_sampler},
    {"aten::grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) "
     "-> Tensor",
     grid_sampler},
};

}  // namespace

Family grid_sample_ops() { return kRows; }

}  // namespace modelexport::lower
