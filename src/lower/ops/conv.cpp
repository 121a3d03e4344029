// Convolutions and transposed ones. Unfold and fold are in unfold.cpp.
#include <algorithm>

#include "lower/ops/families.h"
#include "lower/ops/spatial.h"

namespace modelexport::lower {

namespace {

struct Convolution {
  std::vector<int64_t> stride;
  std::vector<int64_t> pads;  // before each axis, then after each
  std::vector<int64_t> dilation;
  std::vector<int64_t> output_padding;
  int64_t groups = 1;
  bool is_transposed = false;
};

std::size_t n_spatial(Context& c) { return static_cast<std::size_t>(c.rank("weight") - 2); }

bool all_are(const std::vector<int64_t>& numbers, int64_t value) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n == value; });
}

Values convolve(Context& c, const Convolution& conv) {
  const DType dtype = c.out_dtype();
  const V weight = c.operand("weight", dtype);
  const V bias = c.has("bias") ? c.operand("bias", dtype) : V{};
  Attrs attrs;
  if (!all_are(conv.stride, 1)) attrs.push_back({"strides", conv.stride});
  if (!all_are(conv.pads, 0)) attrs.push_back({"pads", conv.pads});
  if (!all_are(conv.dilation, 1)) attrs.push_back({"dilations", conv.dilation});
  if (!all_are(conv.output_padding, 0)) attrs.push_back({"output_padding", conv.output_padding});
  if (conv.groups != 1) attrs.push_back({"group", conv.groups});
  const bool has_batch = c.rank("input") == c.rank("weight");
  return {with_batch_axis(c.b, c.operand("input", dtype), has_batch, [&](V x) {
    return c.b.op(conv.is_transposed ? "ConvTranspose" : "Conv", {x, weight, bias}, attrs);
  })};
}

// The arguments that all overloads have.
Convolution common_arguments(Context& c) {
  const std::size_t n = n_spatial(c);
  Convolution conv;
  conv.stride = c.ints_n("stride", n);
  conv.dilation = c.ints_n("dilation", n);
  conv.groups = c.integer("groups");
  return conv;
}

Values conv_nd(Context& c) {
  Convolution conv = common_arguments(c);
  conv.pads = symmetric_pads(c.ints_n("padding", n_spatial(c)));
  return convolve(c, conv);
}

// "same" pads so that the size stays, with the odd element after.
std::vector<int64_t> named_pads(Context& c, const std::vector<int64_t>& dilation) {
  const std::size_t n = n_spatial(c);
  std::vector<int64_t> pads(2 * n, 0);
  if (c.text("padding") != "same") return pads;
  for (std::size_t i = 0; i < n; ++i) {
    const program::Dim& kernel = c.info("weight").sizes[i + 2];
    if (!kernel.is_static()) c.unsupported("padding 'same' with a kernel of a size known at run time only");
    const int64_t total = dilation[i] * (kernel.value - 1);
    pads[i] = total / 2;
    pads[n + i] = total - total / 2;
  }
  return pads;
}

Values conv_named_padding(Context& c) {
  Convolution conv = common_arguments(c);
  conv.pads = named_pads(c, conv.dilation);
  return convolve(c, conv);
}

Values conv_transpose(Context& c) {
  Convolution conv = common_arguments(c);
  conv.pads = symmetric_pads(c.ints_n("padding", n_spatial(c)));
  conv.output_padding = c.ints_n("output_padding", n_spatial(c));
  conv.is_transposed = true;
  const std::size_t n = n_spatial(c);
  for (std::size_t i = 0; i < n; ++i) {
    // Runtimes want less of it than a stride; padding less at the end is the same.
    if (conv.output_padding[i] < conv.stride[i]) continue;
    const int64_t moved = std::min(conv.output_padding[i], conv.pads[n + i]);
    conv.pads[n + i] -= moved;
    conv.output_padding[i] -= moved;
  }
  return convolve(c, conv);
}

Values convolution(Context& c) { return c.flag("transposed") ? conv_transpose(c) : conv_nd(c); }

// (time, batch, channels) against a kernel (time, in, out).
Values conv_tbc(Context& c) {
  const DType dtype = c.out_dtype();
  const V x = c.b.transpose(c.operand("self", dtype), {1, 2, 0});
  const V weight = c.b.transpose(c.operand("weight", dtype), {2, 1, 0});
  const int64_t pad = c.integer("pad");
  const V out = c.b.op("Conv", {x, weight, c.operand("bias", dtype)}, {{"pads", std::vector<int64_t>{pad, pad}}});
  return {c.b.transpose(out, {2, 0, 1})};
}

constexpr Row kRows[] = {
    {"aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], "
     "SymInt[1] dilation=[1], SymInt groups=1) -> Tensor",
     conv_nd},
    {"aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], "
     "SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor",
     conv_nd},
    {"aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, "
     "0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor",
     conv_nd},
    {"aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str "
     "padding=\"valid\", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor",
     conv_named_padding},
    {"aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str "
     "padding=\"valid\", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor",
     conv_named_padding},
    {"aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str "
     "padding=\"valid\", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor",
     conv_named_padding},
    {"aten::_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] "
     "dilation, SymInt groups) -> Tensor",
     conv_named_padding},
    {"aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] "
     "padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor",
     conv_transpose},
    {"aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] "
     "padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor",
     conv_transpose},
    {"aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], "
     "SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) "
     "-> Tensor",
     conv_transpose},
    {"aten::convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] "
     "dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor",
     convolution},
    {"aten::_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] "
     "dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool "
     "cudnn_enabled, bool allow_tf32) -> Tensor",
     convolution},
    {"aten::_convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, "
     "SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, bool benchmark, bool deterministic, "
     "bool cudnn_enabled) -> Tensor",
     convolution},
    {"aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", conv_tbc},
};

}  // namespace

Family conv_ops() { return kRows; }

}  // namespace modelexport::lower
