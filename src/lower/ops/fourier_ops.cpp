// aten::fft_*: which axes, to which sizes, and divided by what. The transforms themselves are in fourier.cpp.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lower/ops/complex_math.h"
#include "lower/ops/families.h"
#include "lower/ops/fourier.h"
#include "lower/ops/layout.h"
#include "lower/ops/signal.h"

namespace modelexport::lower {

namespace {

// Axes, and along each the size that is transformed.
struct Extent {
  std::vector<int64_t> axes;
  Sizes sizes;
};

// `n` and `dim` of the one-dimensional transforms, `s` and `dim` of the others; the last size of a one-sided input
// stands for twice as many elements.
Extent extent(Context& c, bool one_sided_input) {
  const bool one_dimensional = c.node.find("n") != nullptr;
  const Sizes given = one_dimensional ? c.sizes("n") : c.node.find("s") != nullptr ? c.sizes("s") : Sizes{};
  Extent result;
  if (c.has("dim")) {
    result.axes = c.axes("dim", "self");
  } else {
    result.axes = iota(c.rank("self"));
    if (!given.empty()) result.axes.erase(result.axes.begin(), result.axes.end() - static_cast<int64_t>(given.size()));
  }
  const Sizes sizes = c.shape("self");
  for (std::size_t i = 0; i < result.axes.size(); ++i) {
    Size size = sizes.at(static_cast<std::size_t>(result.axes[i]));
    if (one_sided_input && i + 1 == result.axes.size()) size = c.b.size_mul(c.b.size_sub(size, 1), 2);
    const bool is_given = i < given.size() && !(given[i].is_static() && given[i].value == -1);
    result.sizes.push_back(is_given ? given[i] : size);
  }
  return result;
}

Complex resized(Builder& b, const Complex& z, const Extent& extent) {
  Complex result = z;
  for (std::size_t i = 0; i < extent.axes.size(); ++i) {
    result = {resized(b, result.re, extent.axes[i], extent.sizes[i]),
              resized(b, result.im, extent.axes[i], extent.sizes[i])};
  }
  return result;
}

// By which power of the number of elements torch multiplies the plain sums.
double power_of_count(Context& c, bool inverse) {
  if (c.node.find("normalization") != nullptr) return -0.5 * static_cast<double>(c.integer("normalization"));
  const std::string norm = c.text_or("norm", "backward");
  if (norm == "ortho") return -0.5;
  return (norm == "forward") != inverse ? -1 : 0;
}

// z times the `power`-th power of the number of elements.
Complex rescaled(Builder& b, const Complex& z, const Extent& extent, double power) {
  if (power == 0) return z;
  Size count = 1;
  for (const Size& size : extent.sizes) count = b.size_mul(count, size);
  const DType dtype = b.dtype(z.re);
  V factor = count.is_static() ? b.scalar(std::pow(static_cast<double>(count.value), power), dtype)
                               : b.op("Pow", {b.as_scalar(count, dtype), b.scalar(power, dtype)});
  return mul(b, z, {factor, {}});
}

Complex input(Context& c) { return c.complex("self", c.out_dtype()); }

// Inverse: the conjugate, divided.
Values real_to_complex(Context& c, bool inverse, bool one_sided) {
  const Extent to = extent(c, false);
  std::vector<int64_t> others = to.axes;
  const int64_t last = others.back();
  others.pop_back();
  const V x = resized(c.b, {input(c).re, {}}, to).re;
  Complex z = transformed_real(c.b, x, last, one_sided);
  z = rescaled(c.b, transformed(c.b, z, others, false), to, power_of_count(c, inverse));
  return results(c, inverse ? conj(c.b, z) : z);
}

// Numbers that are real may be given.
Values to_complex(Context& c, bool inverse) {
  const Complex given = input(c);
  const Extent to = extent(c, false);
  if (!given.im && !to.axes.empty()) return real_to_complex(c, inverse, false);
  const Complex z = transformed(c.b, resized(c.b, given, to), to.axes, inverse);
  // The inverse has divided by the number of elements already.
  return results(c, rescaled(c.b, z, to, power_of_count(c, inverse) + (inverse ? 1 : 0)));
}

// All n entries of the transform of a real tensor from its first n / 2 + 1: the others are conjugates of those.
Complex completed(Builder& b, const Complex& half, int64_t axis, const Size& n) {
  const Size kept = b.size_add(b.size_floordiv(n, 2), 1);
  const auto rest = [&](V x) { return b.slice(x, axis, b.size_sub(n, kept), 0, -1); };
  return {b.concat({half.re, rest(half.re)}, axis), b.concat({half.im, b.op("Neg", {rest(half.im)})}, axis)};
}

// Forward: the inverse transform of the conjugate, multiplied.
Values complex_to_real(Context& c, bool inverse) {
  Builder& b = c.b;
  Extent to = extent(c, true);
  if (c.node.find("last_dim_size") != nullptr) to.sizes.back() = c.size("last_dim_size");
  Extent half = to;
  half.sizes.back() = b.size_add(b.size_floordiv(to.sizes.back(), 2), 1);
  const Complex given = input(c);
  Complex z = resized(b, {given.re, imaginary(b, given)}, half);
  if (!inverse) z = conj(b, z);
  std::vector<int64_t> others = to.axes;
  const int64_t last = others.back();
  others.pop_back();
  z = completed(b, transformed(b, z, others, true), last, to.sizes.back());
  const V x = transformed(b, z, {last}, true).re;
  return {rescaled(b, {x, {}}, to, power_of_count(c, inverse) + 1).re};
}

Values fft(Context& c) { return to_complex(c, false); }
Values ifft(Context& c) { return to_complex(c, true); }
Values rfft(Context& c) { return real_to_complex(c, false, true); }
Values ihfft(Context& c) { return real_to_complex(c, true, true); }
Values irfft(Context& c) { return complex_to_real(c, true); }
Values hfft(Context& c) { return complex_to_real(c, false); }
Values c2c(Context& c) { return to_complex(c, !c.flag("forward")); }
Values r2c(Context& c) { return real_to_complex(c, false, c.flag("onesided")); }

constexpr Row kRows[] = {
    {"aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", fft},
    {"aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", ifft},
    {"aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", rfft},
    {"aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", irfft},
    {"aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", hfft},
    {"aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor", ihfft},
    {"aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", fft},
    {"aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", ifft},
    {"aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", rfft},
    {"aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", irfft},
    {"aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", hfft},
    {"aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor", ihfft},
    {"aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", fft},
    {"aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", ifft},
    {"aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", rfft},
    {"aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", irfft},
    {"aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", hfft},
    {"aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor", ihfft},
    {"aten::_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor", c2c},
    {"aten::_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor", r2c},
    {"aten::_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor", irfft},
    {"aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, "
     "bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor",
     stft},
    {"aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, "
     "bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) "
     "-> Tensor",
     istft},
};

}  // namespace

Family fourier_ops() { return kRows; }

}  // namespace modelexport::lower
