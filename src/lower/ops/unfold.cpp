// im2col and col2im (nn.Unfold and nn.Fold).
#include <array>

#include "lower/ops/families.h"
#include "lower/ops/layout.h"
#include "lower/ops/spatial.h"

namespace modelexport::lower {

namespace {

struct Blocks {
  std::vector<int64_t> kernel;
  std::vector<int64_t> dilation;
  std::vector<int64_t> padding;
  std::vector<int64_t> stride;
};

Blocks blocks(Context& c) {
  return {c.ints_n("kernel_size", 2), c.ints_n("dilation", 2), c.ints_n("padding", 2), c.ints_n("stride", 2)};
}

// How many blocks fit along an axis of `size`.
Size n_blocks(Builder& b, const Size& size, const Blocks& k, std::size_t axis) {
  const int64_t margin = 2 * k.padding[axis] - k.dilation[axis] * (k.kernel[axis] - 1) - 1;
  return b.size_add(b.size_floordiv(b.size_add(size, margin), k.stride[axis]), 1);
}

// Positions along one axis, [kernel, blocks]: offset within the block + start of the block.
V positions(Builder& b, const Size& count, const Blocks& k, std::size_t axis) {
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < k.kernel[axis]; ++i) offsets.push_back(i * k.dilation[axis]);
  const V index = b.op("Range", {b.scalar_int(0), b.as_scalar(count), b.scalar_int(1)});
  const V starts = b.mul(index, b.scalar_int(k.stride[axis]));
  return b.add(b.unsqueeze(b.ints(offsets), {1}), starts);
}

// (N, C, H, W) -> (N, C * kernel, blocks), by gathering rows and then columns.
V unfold(Builder& b, V x, const Blocks& k) {
  const Sizes sizes = b.sizes_of(x);
  const Size rows = n_blocks(b, sizes[2], k, 0);
  const Size columns = n_blocks(b, sizes[3], k, 1);
  const std::vector<int64_t> pads{0, 0, k.padding[0], k.padding[1]};
  if (k.padding[0] != 0 || k.padding[1] != 0) x = b.op("Pad", {x, b.ints(symmetric_pads(pads))});
  x = b.gather(x, positions(b, rows, k, 0), 2);     // N, C, kernel rows, rows, W
  x = b.gather(x, positions(b, columns, k, 1), 4);  // N, C, kernel rows, rows, kernel columns, columns
  x = b.transpose(x, {0, 1, 2, 4, 3, 5});
  return b.reshape(x, {sizes[0], b.size_mul(sizes[1], k.kernel[0] * k.kernel[1]), b.size_mul(rows, columns)});
}

Values im2col(Context& c) {
  const Blocks k = blocks(c);
  return {with_batch_axis(c.b, c.tensor("self"), c.rank("self") == 4, [&](V x) { return unfold(c.b, x, k); })};
}

// Before Col2Im (opset 18): a transposed convolution whose kernel puts every element at its place.
V fold_by_convolution(Context& c, V x, const Blocks& k) {
  Builder& b = c.b;
  const std::vector<int64_t> out = c.ints("output_size");
  const int64_t taps = k.kernel[0] * k.kernel[1];
  const program::Dim& channels = c.out().sizes.at(c.out().sizes.size() - 3);
  if (!channels.is_static()) c.unsupported("the number of channels is known at run time only");
  std::array<int64_t, 2> count{};
  std::vector<int64_t> missing;
  for (std::size_t i = 0; i < 2; ++i) {
    count[i] = n_blocks(b, out[i], k, i).value;
    const int64_t reached = (count[i] - 1) * k.stride[i] - 2 * k.padding[i] + k.dilation[i] * (k.kernel[i] - 1) + 1;
    missing.push_back(out[i] - reached);
  }
  // Row (channel, tap) of the kernel is 1 at that tap.
  const V eye = identity(b, taps, b.dtype(x));
  const V kernel = b.reshape(b.expand(b.unsqueeze(eye, {0}), {channels.value, taps, taps}),
                             {channels.value * taps, 1, k.kernel[0], k.kernel[1]});
  const V image = b.reshape(x, {b.size_of(x, 0), channels.value * taps, count[0], count[1]});
  return b.op("ConvTranspose", {image, kernel},
              {{"group", channels.value},
               {"strides", k.stride},
               {"dilations", k.dilation},
               {"pads", symmetric_pads(k.padding)},
               {"output_padding", missing}});
}

Values col2im(Context& c) {
  Builder& b = c.b;
  const Blocks k = blocks(c);
  return {with_batch_axis(b, c.tensor("self"), c.rank("self") == 3, [&](V x) {
    if (b.opset() < 18) return fold_by_convolution(c, x, k);
    return b.op("Col2Im", {x, b.shape_tensor(c.sizes("output_size")), b.ints(k.kernel)},
                {{"strides", k.stride}, {"dilations", k.dilation}, {"pads", symmetric_pads(k.padding)}});
  })};
}

constexpr Row kRows[] = {
    {"aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor", im2col},
    {"aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] "
     "stride) -> Tensor",
     col2im},
};

}  // namespace

Family unfold_ops() { return kRows; }

}  // namespace modelexport::lower
