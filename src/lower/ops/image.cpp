// Resizing: the upsample family and its antialiased kin.
//
// torch maps a position of the result to one of the input with in / out, or with 1 / scale_factor when one is given.
// ONNX's Resize does the same from its sizes or its scales.
#include <algorithm>
#include <cmath>
#include <optional>

#include "lower/ops/creation.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

enum class Filter { Nearest, NearestExact, Linear, Cubic };

struct Resampling {
  Filter filter;
  bool align_corners = false;
  bool antialias = false;
};

// The arguments of both overloads: "vec" gives a size or scale factors, the other a size and perhaps scales.
struct Spatial {
  std::size_t n;  // axes
  Sizes in;
  Sizes out;
  std::vector<double> scales;  // empty when the sizes alone say the scale
};

std::string_view input_name(Context& c) { return c.node.find("input") != nullptr ? "input" : "self"; }

std::vector<double> scale_factors(Context& c) {
  if (c.node.find("scale_factors") != nullptr) return c.numbers("scale_factors");
  std::vector<double> scales;
  for (const char* name : {"scales", "scales_d", "scales_h", "scales_w"}) {
    if (c.has(name)) scales.push_back(c.number(name));
  }
  return scales;
}

Spatial spatial(Context& c) {
  const auto n = static_cast<std::size_t>(c.rank(input_name(c)) - 2);
  const Sizes in = c.shape(input_name(c));
  const Sizes out = c.out_sizes();
  Spatial s{n, Sizes(in.end() - static_cast<std::ptrdiff_t>(n), in.end()),
            Sizes(out.end() - static_cast<std::ptrdiff_t>(n), out.end()), scale_factors(c)};
  if (s.scales.size() != n) s.scales.clear();
  return s;
}

bool is_static(const Spatial& s) { return static_sizes(s.in) && static_sizes(s.out); }

// Whether the sizes stand in exactly the ratio that the scale factors say.
bool sizes_say_scales(const Spatial& s) {
  for (std::size_t i = 0; i < s.scales.size(); ++i) {
    const double exact = static_cast<double>(s.in[i].value) * s.scales[i];
    if (std::abs(exact - static_cast<double>(s.out[i].value)) > 1e-6 * exact) return false;
  }
  return true;
}

// ---- nearest, by index ----

// The position that torch reads for each of the result's along axis i, in its own float32 arithmetic.
std::vector<int64_t> torch_indices(const Spatial& s, std::size_t i, Filter filter) {
  const float in = static_cast<float>(s.in[i].value);
  const float ratio = s.scales.empty() ? in / static_cast<float>(s.out[i].value) : static_cast<float>(1 / s.scales[i]);
  const float offset = filter == Filter::NearestExact ? 0.5F : 0.0F;
  std::vector<int64_t> indices;
  for (int64_t at = 0; at < s.out[i].value; ++at) {
    const auto index = static_cast<int64_t>(std::floor((static_cast<float>(at) + offset) * ratio));
    indices.push_back(std::min(index, s.in[i].value - 1));
  }
  return indices;
}

// The same as Resize computes it.
std::vector<int64_t> onnx_indices(const Spatial& s, std::size_t i, Filter filter, bool by_scales) {
  const float in = static_cast<float>(s.in[i].value);
  const float scale = by_scales ? static_cast<float>(s.scales[i]) : static_cast<float>(s.out[i].value) / in;
  std::vector<int64_t> indices;
  for (int64_t at = 0; at < s.out[i].value; ++at) {
    const auto position = static_cast<float>(at);
    const float source =
        filter == Filter::NearestExact ? std::round((position + 0.5F) / scale - 0.5F) : std::floor(position / scale);
    indices.push_back(std::clamp<int64_t>(static_cast<int64_t>(source), 0, s.in[i].value - 1));
  }
  return indices;
}

bool resize_reads_the_same(const Spatial& s, Filter filter, bool by_scales) {
  for (std::size_t i = 0; i < s.n; ++i) {
    if (torch_indices(s, i, filter) != onnx_indices(s, i, filter, by_scales)) return false;
  }
  return true;
}

V gather_nearest(Builder& b, V x, const Spatial& s, Filter filter) {
  for (std::size_t i = 0; i < s.n; ++i) {
    x = b.gather(x, b.ints(torch_indices(s, i, filter)), static_cast<int64_t>(i) + 2);
  }
  return x;
}

// ---- Resize ----

Attrs attributes(const Resampling& r) {
  const char* mode = r.filter == Filter::Linear ? "linear" : r.filter == Filter::Cubic ? "cubic" : "nearest";
  Attrs attrs{{"mode", mode}};
  if (r.filter == Filter::Nearest) {
    attrs.push_back({"coordinate_transformation_mode", "asymmetric"});
    attrs.push_back({"nearest_mode", "floor"});
  } else {
    attrs.push_back({"coordinate_transformation_mode", r.align_corners ? "align_corners" : "half_pixel"});
  }
  if (r.filter == Filter::NearestExact) attrs.push_back({"nearest_mode", "round_prefer_ceil"});
  // Without antialias torch takes another cubic than with it.
  if (r.filter == Filter::Cubic) attrs.push_back({"cubic_coeff_a", r.antialias ? -0.5 : -0.75});
  if (r.antialias) {
    attrs.push_back({"antialias", 1});
    attrs.push_back({"exclude_outside", 1});
  }
  return attrs;
}

V scales_input(Builder& b, const Spatial& s) {
  Values parts{b.full(1, DType::Float32, {2})};
  for (double scale : s.scales) parts.push_back(b.full(scale, DType::Float32, {1}));
  return b.concat(parts, 0);
}

// The sizes of a result with the batch and channels of `x`.
Sizes with_leading(Builder& b, V x, Sizes spatial) {
  spatial.insert(spatial.begin(), {b.size_of(x, 0), b.size_of(x, 1)});
  return spatial;
}

// Sizes of all axes, though opset 18 and later can name some: onnxruntime's optimizer forgets to move those names when
// it moves a Transpose past the node.
V resize(Builder& b, V x, const Spatial& s, const Resampling& r, bool by_scales) {
  const Attrs attrs = attributes(r);
  if (by_scales) return b.op("Resize", {x, {}, scales_input(b, s)}, attrs);
  return b.op("Resize", {x, {}, {}, b.shape_tensor(with_leading(b, x, s.out))}, attrs);
}

// One channel at a time: its kernel takes no other layout, and the optimizer, which moves a Transpose past a Resize,
// cannot move it past a Reshape.
V resize_cubic(Builder& b, V x, const Spatial& s, const Resampling& r, bool by_scales) {
  const V planes = b.reshape(x, {-1, 1, b.size_of(x, 2), b.size_of(x, 3)});
  const V resized = resize(b, planes, s, r, by_scales);
  return b.reshape(resized, with_leading(b, x, {b.size_of(resized, 2), b.size_of(resized, 3)}));
}

// ---- antialiased, as a matrix ----

double filter_weight(Filter filter, double x) {
  x = std::abs(x);
  if (filter == Filter::Linear) return std::max(0.0, 1 - x);
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// What each of the result's positions along axis i takes of the input's, [out, in], as torch says it.
V antialiasing_weights(Builder& b, const Spatial& s, std::size_t i, const Resampling& r, DType dtype) {
  const int64_t in = s.in[i].value;
  const int64_t out = s.out[i].value;
  double scale = static_cast<double>(in) / static_cast<double>(out);
  if (!s.scales.empty()) scale = 1 / s.scales[i];
  if (r.align_corners) scale = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
  const double widening = std::max(scale, 1.0);
  const double support = widening * (r.filter == Filter::Linear ? 1 : 2);
  std::vector<double> weights(static_cast<std::size_t>(in * out), 0);
  for (int64_t row = 0; row < out; ++row) {
    const double center = scale * (static_cast<double>(row) + 0.5);
    const auto first = std::max<int64_t>(static_cast<int64_t>(std::floor(center - support + 0.5)), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(std::floor(center + support + 0.5)), in);
    double total = 0;
    double* const at = weights.data() + row * in;
    for (int64_t j = first; j < end; ++j) {
      at[j] = filter_weight(r.filter, (static_cast<double>(j) - center + 0.5) / widening);
      total += at[j];
    }
    for (int64_t j = first; j < end; ++j) at[j] /= total;
  }
  return constant_of(b, weights, dtype, {out, in});
}

V antialias_by_matrices(Builder& b, V x, const Spatial& s, const Resampling& r) {
  const V columns = b.transpose(antialiasing_weights(b, s, 1, r, b.dtype(x)), {1, 0});
  return b.op("MatMul", {antialiasing_weights(b, s, 0, r, b.dtype(x)), b.op("MatMul", {x, columns})});
}

Values resample(Context& c, const Resampling& r) {
  Builder& b = c.b;
  const V x = c.tensor(input_name(c));
  Spatial s = spatial(c);
  if (r.antialias && is_static(s) && is_floating(b.dtype(x))) return {antialias_by_matrices(b, x, s, r)};
  if (r.antialias && b.opset() < 18) c.unsupported("antialiasing of symbolic sizes needs opset 18");
  if (r.antialias && r.align_corners) c.unsupported("antialiasing of symbolic sizes with align_corners");
  if (r.align_corners && is_static(s)) s.scales.clear();
  const bool by_scales = !s.scales.empty() && !(is_static(s) && sizes_say_scales(s));
  const bool is_nearest = r.filter == Filter::Nearest || r.filter == Filter::NearestExact;
  if (is_nearest && is_static(s) && !resize_reads_the_same(s, r.filter, by_scales)) {
    return {gather_nearest(b, x, s, r.filter)};
  }
  if (r.filter == Filter::Cubic) return {resize_cubic(b, x, s, r, by_scales)};
  return {resize(b, x, s, r, by_scales)};
}

template <Filter F>
Values nearest(Context& c) {
  return resample(c, {F});
}

template <Filter F>
Values interpolate(Context& c) {
  return resample(c, {F, c.flag("align_corners")});
}

template <Filter F>
Values antialiased(Context& c) {
  return resample(c, {F, c.flag("align_corners"), true});
}

constexpr Row kRows[] = {
    {"aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
     nearest<Filter::Nearest>},
    {"aten::upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::Nearest>},
    {"aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> "
     "Tensor",
     nearest<Filter::Nearest>},
    {"aten::upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::Nearest>},
    {"aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? "
     "scales_w=None) -> Tensor",
     nearest<Filter::Nearest>},
    {"aten::upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::Nearest>},
    {"aten::_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::_upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) "
     "-> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::_upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, "
     "float? scales_w=None) -> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::_upsample_nearest_exact3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
     nearest<Filter::NearestExact>},
    {"aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> "
     "Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? "
     "scales_w=None) -> Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) "
     "-> Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? "
     "scales_h=None, float? scales_w=None) -> Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) "
     "-> Tensor",
     interpolate<Filter::Linear>},
    {"aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? "
     "scales_w=None) -> Tensor",
     interpolate<Filter::Cubic>},
    {"aten::upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> "
     "Tensor",
     interpolate<Filter::Cubic>},
    {"aten::_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, "
     "float? scales_w=None) -> Tensor",
     antialiased<Filter::Linear>},
    {"aten::_upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? "
     "scale_factors) -> Tensor",
     antialiased<Filter::Linear>},
    {"aten::_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, "
     "float? scales_w=None) -> Tensor",
     antialiased<Filter::Cubic>},
    {"aten::_upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? "
     "scale_factors) -> Tensor",
     antialiased<Filter::Cubic>},
};

}  // namespace

Family image_ops() { return kRows; }

}  // namespace modelexport::lower
