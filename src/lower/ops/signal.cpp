// A window that moves along a signal and is transformed at every place is a convolution with as many waves as there
// are frequencies; its inverse, which adds the overlapping windows up, is a transposed one.
#include "lower/ops/signal.h"

#include <cmath>

#include "lower/ops/complex_math.h"
#include "lower/ops/creation.h"
#include "lower/ops/fourier.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

struct Frames {
  int64_t length;  // of a window, padded: n_fft
  int64_t hop;
  int64_t frequencies;
};

Frames frames(Context& c, bool one_sided) {
  const int64_t length = c.integer("n_fft");
  return {length, c.integer_or("hop_length", length / 4), one_sided ? length / 2 + 1 : length};
}

// float[1, 1, n_fft], or nothing when it is all ones.
V window(Context& c, const Frames& f, DType dtype) {
  const int64_t given = c.integer_or("win_length", f.length);
  const int64_t left = (f.length - given) / 2;
  const int64_t right = f.length - given - left;
  if (!c.has("window") && given == f.length) return {};
  const V values = c.has("window") ? c.operand("window", dtype) : c.b.full(1, dtype, {given});
  const V padded = c.b.concat({c.b.full(0, dtype, {left}), values, c.b.full(0, dtype, {right})}, 0);
  return c.b.reshape(padded, {1, 1, f.length});
}

// Waves of the frequencies k, times `weight`(k): float[frequencies, 1, n_fft].
template <typename Weight>
Complex waves(Context& c, const Frames& f, DType dtype, bool inverse, Weight weight) {
  WaveTable table = wave_table(f.frequencies, f.length, f.length, inverse);
  for (int64_t i = 0; i < f.frequencies * f.length; ++i) {
    table.cosines[static_cast<std::size_t>(i)] *= weight(i / f.length);
    table.sines[static_cast<std::size_t>(i)] *= weight(i / f.length);
  }
  const std::vector<int64_t> sizes{f.frequencies, 1, f.length};
  return {constant_of(c.b, table.cosines, dtype, sizes), constant_of(c.b, table.sines, dtype, sizes)};
}

V times(Builder& b, V x, V factor) { return factor ? b.mul(x, factor) : x; }

}  // namespace

Values stft(Context& c) {
  Builder& b = c.b;
  if (c.has_complex("self")) c.unsupported("windows of a complex signal");
  if (c.has("align_to_window") && c.flag("align_to_window")) c.unsupported("align_to_window");
  const DType dtype = c.out_dtype();
  const Frames f = frames(c, !c.has("onesided") || c.flag("onesided"));
  const double scale = c.flag("normalized") ? 1 / std::sqrt(static_cast<double>(f.length)) : 1;
  const Complex wave = waves(c, f, dtype, false, [&](int64_t) { return scale; });
  const V shape = window(c, f, dtype);
  V signal = c.operand("self", dtype);
  const bool batched = c.rank("self") == 2;
  signal = b.unsqueeze(signal, batched ? Axes{1} : Axes{0, 1});
  const auto correlated = [&](V waves) {
    const V result = b.op("Conv", {signal, times(b, waves, shape)}, {{"strides", Axes{f.hop}}});
    return batched ? result : b.squeeze(result, {0});
  };
  const Complex z{correlated(wave.re), correlated(wave.im)};
  if (is_complex(c.out().dtype)) return {z.re, z.im};
  return {pairs_of_parts(b, z, c.out_rank() - 1)};
}

Values istft(Context& c) {
  Builder& b = c.b;
  if (c.flag("return_complex")) c.unsupported("a complex signal");
  const DType dtype = c.out_dtype();
  const Frames f = frames(c, true);
  const auto n = static_cast<double>(f.length);
  const double scale = c.flag("normalized") ? 1 / std::sqrt(n) : 1 / n;
  // The signal is real: torch reads the first half, and a frequency of the other is the conjugate of one that is there.
  const auto weight = [&](int64_t k) { return k != 0 && 2 * k != f.length ? 2 * scale : scale; };
  const Complex wave = waves(c, f, dtype, true, weight);
  const V shape = window(c, f, dtype);
  const bool batched = c.rank("self") == 3;
  const auto half = [&](V x) { return b.slice(x, c.rank("self") - 2, 0, f.frequencies); };
  const Complex all = c.complex("self", dtype);
  const Complex given{half(all.re), half(all.im)};
  const auto summed = [&](V x, V kernel) { return b.op("ConvTranspose", {x, kernel}, {{"strides", Axes{f.hop}}}); };
  const auto part = [&](V x, V waves) { return summed(batched ? x : b.unsqueeze(x, {0}), times(b, waves, shape)); };
  const V signal = b.sub(part(given.re, wave.re), part(given.im, wave.im));
  // How often, and with what weight, each sample was in a window.
  const Size count = b.size_of(given.re, c.rank("self") - 1);
  const V squares = shape ? b.mul(shape, shape) : b.full(1, dtype, {1, 1, f.length});
  const V cover = summed(b.expand(b.scalar(1, dtype), {1, 1, count}), squares);
  const Size total = b.size_add(b.size_mul(b.size_sub(count, 1), f.hop), f.length);
  const int64_t start = c.flag("center") ? f.length / 2 : 0;
  const Size end = c.has("length") ? Size(start + c.integer("length")) : b.size_sub(total, start);
  const auto cut = [&](V x) { return b.slice(x, 2, start, end); };
  const V result = b.squeeze(b.div(cut(signal), cut(cover)), batched ? Axes{1} : Axes{0, 1});
  if (!c.has("length") || (total.is_static() && total.value >= end.value)) return {result};
  // Past the last window torch fills up with zeros. A ConvTranspose's result has no known shape, but its rank.
  b.refine(result, dtype, onnx::Shape(batched ? 2 : 1));
  return {resized(b, result, batched ? 1 : 0, c.integer("length"))};
}

}  // namespace modelexport::lower
