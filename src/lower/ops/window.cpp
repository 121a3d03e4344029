// Window functions of signal processing, computed here: their length is a number.
#include <cmath>

#include "lower/ops/creation.h"

namespace modelexport::lower {

namespace {

// `shape` of the position in the window, from 0 to 1.
template <typename Shape>
Values window(Context& c, Shape shape) {
  const int64_t length = c.integer("window_length");
  const bool periodic = c.node.find("periodic") == nullptr || c.flag("periodic");
  const auto last = static_cast<double>(periodic ? length : length - 1);
  std::vector<double> values;
  for (int64_t i = 0; i < length; ++i) values.push_back(length == 1 ? 1.0 : shape(static_cast<double>(i) / last));
  return {constant_of(c.b, values, c.out_dtype(), {length})};
}

double wave(double position) { return std::cos(2 * M_PI * position); }

Values hann(Context& c) {
  return window(c, [](double t) { return 0.5 - 0.5 * wave(t); });
}

Values hamming(Context& c) {
  const auto coefficient = [&](const char* name, double otherwise) {
    return c.node.find(name) != nullptr ? c.number(name) : otherwise;
  };
  const double alpha = coefficient("alpha", 0.54);
  const double beta = coefficient("beta", 0.46);
  return window(c, [&](double t) { return alpha - beta * wave(t); });
}

Values blackman(Context& c) {
  return window(c, [](double t) { return 0.42 - 0.5 * wave(t) + 0.08 * wave(2 * t); });
}

Values bartlett(Context& c) {
  return window(c, [](double t) { return 1 - std::abs(2 * t - 1); });
}

Values kaiser(Context& c) {
  const double beta = c.node.find("beta") != nullptr ? c.number("beta") : 12.0;
  return window(c, [&](double t) {
    const double offset = 2 * t - 1;
    return std::cyl_bessel_i(0, beta * std::sqrt(std::max(0.0, 1 - offset * offset))) / std::cyl_bessel_i(0, beta);
  });
}

// aten::fft_fftfreq, fft_rfftfreq: the frequencies of a transform of n samples; those beyond the middle are negative.
template <bool OneSided>
Values frequencies(Context& c) {
  const int64_t n = c.integer("n");
  const double step = 1 / (static_cast<double>(n) * c.number("d"));
  const int64_t count = OneSided ? n / 2 + 1 : n;
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(step * static_cast<double>(OneSided || i < (n + 1) / 2 ? i : i - n));
  }
  return {constant_of(c.b, values, c.out_dtype(), {count})};
}

const Row kRows[] = {
    {"aten::fft_fftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     frequencies<false>},
    {"aten::fft_rfftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     frequencies<true>},
    {"aten::hann_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     hann},
    {"aten::hann_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     hann},
    {"aten::hamming_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     hamming},
    {"aten::hamming_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     hamming},
    {"aten::hamming_window.periodic_alpha(int window_length, bool periodic, float alpha, *, ScalarType? dtype=None, "
     "Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     hamming},
    {"aten::hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float beta, *, "
     "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     hamming},
    {"aten::blackman_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     blackman},
    {"aten::blackman_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     blackman},
    {"aten::bartlett_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     bartlett},
    {"aten::bartlett_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     bartlett},
    {"aten::kaiser_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     kaiser},
    {"aten::kaiser_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     kaiser},
    {"aten::kaiser_window.beta(int window_length, bool periodic, float beta, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     kaiser},
};

}  // namespace

Family window_rows() { return kRows; }

}  // namespace modelexport::lower
