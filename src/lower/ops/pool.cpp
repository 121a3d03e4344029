// Max and average pools over windows, and max unpooling. Adaptive pools are in adaptive_pool.cpp.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"
#include "lower/ops/spatial.h"

namespace modelexport::lower {

namespace {

struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;
  std::vector<int64_t> dilation;
  // With ceil_mode a last window may reach past the padded input: by how much, axis by axis. Known for static sizes,
  // which then need no ceil_mode; ONNX's own rounds up without torch's rule that a window starts within the input.
  std::vector<int64_t> overhang;
  bool ceil_mode = false;
};

std::size_t n_axes(const Window& w) { return w.kernel.size(); }

int64_t overhang(const Window& w, std::size_t axis, int64_t in, int64_t out) {
  const int64_t reached = (out - 1) * w.stride[axis] + w.dilation[axis] * (w.kernel[axis] - 1) + 1;
  return std::max<int64_t>(0, reached - in - 2 * w.padding[axis]);
}

Window window(Context& c, std::size_t n) {
  Window w;
  w.kernel = c.ints_n("kernel_size", n);
  w.stride = c.ints("stride").empty() ? w.kernel : c.ints_n("stride", n);
  w.padding = c.ints_n("padding", n);
  w.dilation = c.node.find("dilation") == nullptr ? std::vector<int64_t>(n, 1) : c.ints_n("dilation", n);
  w.overhang.assign(n, 0);
  if (!c.flag("ceil_mode")) return w;
  const auto& in = c.info("self").sizes;
  const auto& out = c.out().sizes;
  for (std::size_t i = 0; i < n; ++i) {
    const program::Dim& from = in[in.size() - n + i];
    const program::Dim& to = out[out.size() - n + i];
    if (from.is_static() && to.is_static()) {
      w.overhang[i] = overhang(w, i, from.value, to.value);
    } else {
      w.ceil_mode = true;
    }
  }
  return w;
}

// Padding before each axis and after each, the overhang included.
std::vector<int64_t> pads(const Window& w, const std::vector<int64_t>& padding) {
  std::vector<int64_t> result = symmetric_pads(padding);
  for (std::size_t i = 0; i < n_axes(w); ++i) result[n_axes(w) + i] += w.overhang[i];
  return result;
}

Attrs attributes(const Window& w, const std::vector<int64_t>& padding) {
  Attrs attrs{{"kernel_shape", w.kernel}, {"strides", w.stride}};
  const std::vector<int64_t> amounts = pads(w, padding);
  if (std::any_of(amounts.begin(), amounts.end(), [](int64_t n) { return n != 0; })) attrs.push_back({"pads", amounts});
  if (std::any_of(w.dilation.begin(), w.dilation.end(), [](int64_t n) { return n != 1; })) {
    attrs.push_back({"dilations", w.dilation});
  }
  if (w.ceil_mode) attrs.push_back({"ceil_mode", 1});
  return attrs;
}

// Pads the spatial axes of x with `value`.
V pad_with(Builder& b, V x, const std::vector<int64_t>& amounts, double value) {
  const std::size_t n = amounts.size() / 2;
  std::vector<int64_t> all{0, 0};
  all.insert(all.end(), amounts.begin(), amounts.begin() + static_cast<std::ptrdiff_t>(n));
  all.insert(all.end(), {0, 0});
  all.insert(all.end(), amounts.begin() + static_cast<std::ptrdiff_t>(n), amounts.end());
  return b.op("Pad", {x, b.ints(all), b.scalar(value, b.dtype(x))});
}

// Drops windows that torch does not have: only rounding up at run time makes them.
V trimmed(Context& c, const Window& w, V x) {
  if (!w.ceil_mode) return x;
  const Sizes sizes = c.out_sizes();
  const auto rank = static_cast<int64_t>(sizes.size());
  for (int64_t axis = rank - static_cast<int64_t>(n_axes(w)); axis < rank; ++axis) {
    const Size& size = sizes[static_cast<std::size_t>(axis)];
    if (!size.is_static()) x = c.b.op("Slice", {x, c.b.ints({0}), size.runtime, c.b.ints({axis})});
  }
  return x;
}

// ---- max ----

double lowest(DType dtype) {
  if (is_floating(dtype)) return -std::numeric_limits<double>::infinity();
  return is_unsigned(dtype) ? 0 : -std::ldexp(1.0, static_cast<int>(size_of(dtype)) * 8 - 1);
}

// Runtimes want less padding than the kernel is long; a dilated one may have more.
bool needs_separate_pad(const Window& w) {
  const std::vector<int64_t> amounts = pads(w, w.padding);
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (amounts[i] >= w.kernel[i % n_axes(w)]) return true;
  }
  return false;
}

template <std::size_t N>
Values max_pool(Context& c) {
  Window w = window(c, N);
  return {with_batch_axis(c.b, c.tensor("self"), c.rank("self") == N + 2, [&](V x) {
    if (!needs_separate_pad(w)) return trimmed(c, w, c.b.op("MaxPool", {x}, attributes(w, w.padding)));
    const V padded = pad_with(c.b, x, pads(w, w.padding), lowest(c.b.dtype(x)));
    w.overhang.assign(N, 0);
    return trimmed(c, w, c.b.op("MaxPool", {padded}, attributes(w, std::vector<int64_t>(N, 0))));
  })};
}

// Indices counted through a plane of the padded sizes, recounted through the input's.
V without_padding(Builder& b, V indices, const Window& w, const Sizes& plane) {
  Size step = 1;
  V result;
  for (std::size_t i = n_axes(w); i-- > 0;) {
    const V padded = b.as_scalar(b.size_add(plane[i], 2 * w.padding[i] + w.overhang[i]));
    const V coordinate = b.sub(b.op("Mod", {indices, padded}), b.scalar_int(w.padding[i]));
    const V term = b.mul(coordinate, b.as_scalar(step));
    result = result ? b.add(result, term) : term;
    indices = b.div(indices, padded);
    step = b.size_mul(step, plane[i]);
  }
  return result;
}

V within_plane(Builder& b, V indices, const Sizes& plane) {
  Size elements = 1;
  for (const Size& size : plane) elements = b.size_mul(elements, size);
  return b.op("Mod", {indices, b.as_scalar(elements)});
}

// ONNX counts an index through the whole tensor, torch through the spatial axes.
template <std::size_t N>
Values max_pool_with_indices(Context& c) {
  Builder& b = c.b;
  const Window w = window(c, N);
  const bool has_batch = c.rank("self") == N + 2;
  V x = c.tensor("self");
  const Sizes sizes = c.shape("self");
  const Sizes plane(sizes.end() - N, sizes.end());
  if (!has_batch) x = b.unsqueeze(x, {0});
  Values results;
  if (needs_separate_pad(w)) {
    Window unpadded = w;
    unpadded.overhang.assign(N, 0);
    x = pad_with(b, x, pads(w, w.padding), lowest(b.dtype(x)));
    results = b.ops("MaxPool", {x}, 2, attributes(unpadded, std::vector<int64_t>(N, 0)));
    results[1] = without_padding(b, results[1], w, plane);
  } else {
    results = b.ops("MaxPool", {x}, 2, attributes(w, w.padding));
    results[1] = within_plane(b, results[1], plane);
  }
  for (V& result : results) {
    if (!has_batch) result = b.squeeze(result, {0});
    result = trimmed(c, w, result);
  }
  return results;
}

// ---- average ----

// Elements past the input's own padding are never counted, so padding that counts is made by a Pad of its own as soon
// as there is an overhang.
V average(Context& c, const Window& w, V x) {
  Builder& b = c.b;
  const bool counts_padding = c.flag("count_include_pad");
  const bool is_padded = std::any_of(w.padding.begin(), w.padding.end(), [](int64_t n) { return n != 0; });
  const bool overhangs =
      w.ceil_mode || std::any_of(w.overhang.begin(), w.overhang.end(), [](int64_t n) { return n > 0; });
  if (counts_padding && is_padded && overhangs) {
    x = pad_with(b, x, symmetric_pads(w.padding), 0);
    return b.op("AveragePool", {x}, attributes(w, std::vector<int64_t>(n_axes(w), 0)));
  }
  Attrs attrs = attributes(w, w.padding);
  if (counts_padding && is_padded) attrs.push_back({"count_include_pad", 1});
  return b.op("AveragePool", {x}, attrs);
}

// The sum of a window over a fixed divisor.
V sum_over(Context& c, const Window& w, V x, double divisor) {
  Builder& b = c.b;
  if (w.ceil_mode) c.unsupported("divisor_override with ceil_mode and sizes known at run time only");
  Attrs attrs = attributes(w, w.padding);
  attrs.push_back({"count_include_pad", 1});
  const auto elements =
      static_cast<double>(std::accumulate(w.kernel.begin(), w.kernel.end(), int64_t{1}, std::multiplies<>()));
  return b.mul(b.op("AveragePool", {x}, attrs), b.scalar(elements / divisor, b.dtype(x)));
}

// Integers are divided towards zero; the mean as a float may be just below the integer that it is.
V divided_towards_zero(Builder& b, V mean, DType dtype) {
  return is_floating(dtype) ? mean : b.cast(b.mul(mean, number_like(b, 1 + 1e-6, mean)), dtype);
}

template <std::size_t N>
Values avg_pool(Context& c) {
  const Window w = window(c, N);
  const DType dtype = is_floating(c.out_dtype()) ? c.out_dtype() : DType::Float32;
  const V pooled = with_batch_axis(c.b, c.operand("self", dtype), c.rank("self") == N + 2, [&](V x) {
    if (c.has("divisor_override")) return sum_over(c, w, x, c.number("divisor_override"));
    return trimmed(c, w, average(c, w, x));
  });
  return {divided_towards_zero(c.b, pooled, c.out_dtype())};
}

// ---- unpool ----

// Every value goes to its index in an otherwise empty plane.
template <std::size_t N>
Values max_unpool(Context& c) {
  Builder& b = c.b;
  const V x = c.tensor("self");
  const auto n_outer = static_cast<std::size_t>(c.rank("self")) - N;
  const Sizes in = c.shape("self");
  const Sizes out = c.out_sizes();
  const auto flat = [&](const Sizes& sizes) {
    Sizes result(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(n_outer));
    Size plane = 1;
    for (std::size_t i = n_outer; i < sizes.size(); ++i) plane = b.size_mul(plane, sizes[i]);
    result.push_back(plane);
    return result;
  };
  const V empty = b.expand(b.scalar(0, b.dtype(x)), flat(out));
  const V indices = b.reshape(c.tensor("indices"), flat(in));
  const V filled =
      b.op("ScatterElements", {empty, indices, b.reshape(x, flat(in))}, {{"axis", static_cast<int64_t>(n_outer)}});
  return {b.reshape(filled, out)};
}

constexpr Row kRows[] = {
    {"aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], "
     "bool ceil_mode=False) -> Tensor",
     max_pool<1>},
    {"aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool "
     "ceil_mode=False) -> Tensor",
     max_pool<2>},
    {"aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool "
     "ceil_mode=False) -> Tensor",
     max_pool<3>},
    {"aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] "
     "dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)",
     max_pool_with_indices<1>},
    {"aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] "
     "dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
     max_pool_with_indices<2>},
    {"aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] "
     "dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
     max_pool_with_indices<3>},
    {"aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, "
     "bool count_include_pad=True) -> Tensor",
     avg_pool<1>},
    {"aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool "
     "count_include_pad=True, int? divisor_override=None) -> Tensor",
     avg_pool<2>},
    {"aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool "
     "count_include_pad=True, int? divisor_override=None) -> Tensor",
     avg_pool<3>},
    {"aten::max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor", max_unpool<2>},
    {"aten::max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor",
     max_unpool<3>},
};

}  // namespace

Family pool_ops() { return kRows; }

}  // namespace modelexport::lower
