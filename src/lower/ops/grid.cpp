// Affine grids, and moving channels into space and back.
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

// ---- affine_grid ----

// -1 to 1 over the centres of `size` cells, or over their corners.
V coordinates(Builder& b, const Size& size, bool align_corners, DType dtype) {
  const V index = b.cast(b.op("Range", {b.scalar_int(0), b.as_scalar(size), b.scalar_int(1)}), dtype);
  const V n = b.as_scalar(size, dtype);
  const V one = b.scalar(1, dtype);
  const V two = b.scalar(2, dtype);
  if (!align_corners) return b.sub(b.div(b.add(b.mul(index, two), one), n), one);
  // A lone cell has no two corners to lie between: torch puts it at 0.
  if (size.is_static() && size.value == 1) return b.full(0, dtype, {1});
  return b.sub(b.div(b.mul(index, two), b.sub(n, one)), one);
}

// Homogeneous coordinates of all cells, [cells, n + 1], x first.
V base_grid(Builder& b, const Sizes& spatial, bool align_corners, DType dtype) {
  const auto n = static_cast<int64_t>(spatial.size());
  Values columns;
  Sizes full = spatial;
  full.emplace_back(1);
  for (int64_t i = n - 1; i >= 0; --i) {
    const V line = coordinates(b, spatial[static_cast<std::size_t>(i)], align_corners, dtype);
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis <= n; ++axis) {
      if (axis != i) axes.push_back(axis);
    }
    columns.push_back(b.expand(b.unsqueeze(line, axes), full));
  }
  columns.push_back(b.expand(b.scalar(1, dtype), full));
  return b.reshape(b.concat(columns, n), {-1, n + 1});
}

Values affine_grid(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V theta = c.operand("theta", dtype);
  const Sizes size = c.sizes("size");
  const bool align_corners = c.flag("align_corners");
  const Sizes spatial(size.begin() + 2, size.end());
  const V grid = base_grid(b, spatial, align_corners, dtype);
  return {b.reshape(b.op("MatMul", {grid, b.transpose(theta, {0, 2, 1})}), c.out_sizes())};
}

// ---- channels and space ----

// Reshapes to `split`, permutes the axes after the leading ones, and reshapes to the recorded sizes.
V rearrange(Context& c, V x, const Sizes& split, std::size_t n_leading, const std::vector<int64_t>& order) {
  std::vector<int64_t> perm;
  for (std::size_t i = 0; i < n_leading; ++i) perm.push_back(static_cast<int64_t>(i));
  for (int64_t axis : order) perm.push_back(static_cast<int64_t>(n_leading) + axis);
  return c.b.reshape(c.b.transpose(c.b.reshape(x, split), perm), c.out_sizes());
}

Values pixel_shuffle(Context& c) {
  const V x = c.tensor("self");
  const int64_t r = c.integer("upscale_factor");
  if (c.rank("self") == 4) return {c.b.op("DepthToSpace", {x}, {{"blocksize", r}, {"mode", "CRD"}})};
  const Sizes in = c.shape("self");
  const std::size_t leading = in.size() - 3;
  Sizes split(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(leading));
  for (const Size& size : {c.b.size_floordiv(in[leading], r * r), Size(r), Size(r), in[leading + 1], in[leading + 2]}) {
    split.push_back(size);
  }
  return {rearrange(c, x, split, leading, {0, 3, 1, 4, 2})};
}

Values pixel_unshuffle(Context& c) {
  const int64_t r = c.integer("downscale_factor");
  const Sizes in = c.shape("self");
  const std::size_t leading = in.size() - 3;
  Sizes split(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(leading + 1));
  for (const Size& size :
       {c.b.size_floordiv(in[leading + 1], r), Size(r), c.b.size_floordiv(in[leading + 2], r), Size(r)}) {
    split.push_back(size);
  }
  return {rearrange(c, c.tensor("self"), split, leading, {0, 2, 4, 1, 3})};
}

Values channel_shuffle(Context& c) {
  const Size groups = c.size("groups");
  const Sizes in = c.shape("self");
  Sizes split{in[0], groups, c.b.size_floordiv(in[1], groups)};
  split.insert(split.end(), in.begin() + 2, in.end());
  std::vector<int64_t> order{1, 0};
  for (std::size_t i = 2; i < in.size(); ++i) order.push_back(static_cast<int64_t>(i));
  return {rearrange(c, c.tensor("self"), split, 1, order)};
}

constexpr Row kRows[] = {
    {"aten::affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor", affine_grid},
    {"aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", pixel_shuffle},
    {"aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", pixel_unshuffle},
    {"aten::channel_shuffle(Tensor self, SymInt groups) -> Tensor", channel_shuffle},
    {"aten::native_channel_shuffle(Tensor self, SymInt groups) -> Tensor", channel_shuffle},
};

}  // namespace

Family grid_ops() { return kRows; }

}  // namespace modelexport::lower
