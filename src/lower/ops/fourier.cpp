#include "lower/ops/fourier.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "lower/ops/complex_math.h"
#include "lower/ops/creation.h"
#include "lower/ops/elementwise.h"
#include "lower/ops/layout.h"

namespace modelexport::lower {

namespace {

// ---- with ONNX DFT, which takes and gives pairs along a last axis

constexpr int64_t kFirstOpsetWithDft = 17;
constexpr int64_t kFirstOpsetWithAxisInput = 20;

V dft(Builder& b, V pairs, int64_t axis, bool inverse, bool one_sided) {
  std::optional<onnx::Shape> shape = b.value(pairs).shape;
  Values inputs{pairs};
  Attrs attrs{{"inverse", inverse}, {"onesided", one_sided}};
  if (b.opset() >= kFirstOpsetWithAxisInput) {
    inputs.push_back({});
    inputs.push_back(b.scalar_int(axis));
  } else {
    attrs.push_back({"axis", axis});
  }
  const V result = b.op("DFT", std::move(inputs), attrs);
  shape->back() = {2, ""};
  onnx::Dim& along = shape->at(static_cast<std::size_t>(axis));
  if (one_sided) along = along.is_static() ? onnx::Dim{along.value / 2 + 1, ""} : onnx::Dim{};
  b.refine(result, b.dtype(pairs), std::move(shape));
  return result;
}

// onnxruntime rounds the angles of other sizes to 32 bits: of 1,000 elements the results are 1e-4 off, of 16,000 2e-3.
bool has_exact_kernel(Builder& b, V x, const std::vector<int64_t>& axes) {
  return std::ranges::all_of(axes, [&](int64_t axis) {
    const Size size = b.size_of(x, axis);
    return size.is_static() && std::has_single_bit(static_cast<uint64_t>(size.value));
  });
}

Complex with_dft(Builder& b, const Complex& z, const std::vector<int64_t>& axes, bool inverse, bool one_sided) {
  const DType dtype = b.dtype(z.re);
  if (dtype != DType::Float64 && !has_exact_kernel(b, z.re, axes)) {
    const Complex wide{b.cast(z.re, DType::Float64), z.im ? b.cast(z.im, DType::Float64) : V{}};
    const Complex exact = with_dft(b, wide, axes, inverse, one_sided);
    return {b.cast(exact.re, dtype), b.cast(exact.im, dtype)};
  }
  const int64_t rank = b.rank(z.re).value();
  // DFT wants an axis before the transformed one.
  const int64_t added = rank == 1 ? 1 : 0;
  const auto as_column = [&](V x) {
    return b.unsqueeze(x, added == 1 ? std::vector<int64_t>{0, 2} : std::vector<int64_t>{rank});
  };
  V pairs = as_column(z.re);
  if (z.im || inverse) pairs = b.concat({pairs, as_column(imaginary(b, z))}, rank + added);
  for (int64_t axis : axes) pairs = dft(b, pairs, axis + added, inverse, one_sided);
  const Complex result = parts_of_pairs(b, pairs, rank + added);
  return added == 1 ? Complex{b.squeeze(result.re, {0}), b.squeeze(result.im, {0})} : result;
}

// ---- with matrices ----

// The waves of a transform of n elements to its first `columns`.
Complex waves(Builder& b, const Size& n, const Size& columns, DType dtype, bool inverse) {
  if (n.is_static() && columns.is_static()) {
    const WaveTable table = wave_table(n.value, columns.value, n.value, inverse);
    const std::vector<int64_t> sizes{n.value, columns.value};
    return {constant_of(b, table.cosines, dtype, sizes), constant_of(b, table.sines, dtype, sizes)};
  }
  const V products = b.mul(b.unsqueeze(range(b, n), {1}), range(b, columns));
  const V turns = b.cast(b.op("Mod", {products, b.as_vector(n)}), DType::Float32);
  const V angles = b.div(b.mul(turns, b.scalar(2 * M_PI, DType::Float32)), b.as_scalar(n, DType::Float32));
  const V sines = b.op("Sin", {angles});
  return {b.cast(b.op("Cos", {angles}), dtype), b.cast(inverse ? sines : b.op("Neg", {sines}), dtype)};
}

Complex with_matrices(Builder& b, const Complex& z, int64_t axis, bool inverse, bool one_sided) {
  const int64_t last = b.rank(z.re).value() - 1;
  const Size n = b.size_of(z.re, axis);
  const Size columns = one_sided ? b.size_add(b.size_floordiv(n, 2), 1) : n;
  const Complex wave = waves(b, n, columns, b.dtype(z.re), inverse);
  const std::vector<int64_t> order = moving(last + 1, {axis}, {last});
  const auto times = [&](V x, V waves) {
    if (!x) return V{};
    const V product = b.op("MatMul", {b.transpose(x, order), waves});
    return b.transpose(product, inverse_permutation(order));
  };
  const Complex cosine{times(z.re, wave.re), times(z.im, wave.re)};
  const Complex sine{times(z.re, wave.im), times(z.im, wave.im)};
  const Complex sum = add(b, cosine, times_i(b, sine));
  if (!inverse) return sum;
  const V count = b.as_scalar(n, b.dtype(z.re));
  return {b.div(sum.re, count), b.div(sum.im, count)};
}

// The sign of a zero decides whether the angle of a negative number is pi or -pi.
Complex real_at_ends(Builder& b, const Complex& z, int64_t axis, const Size& n) {
  const Size count = b.size_of(z.re, axis);
  if (!n.is_static() || !count.is_static()) return z;
  std::vector<double> is_end(static_cast<std::size_t>(count.value));
  for (int64_t k = 0; k < count.value; ++k) is_end[static_cast<std::size_t>(k)] = 2 * k % n.value == 0 ? 1 : 0;
  std::vector<int64_t> sizes(static_cast<std::size_t>(b.rank(z.re).value() - axis), 1);
  sizes.front() = count.value;
  return {z.re, b.where(constant_of(b, is_end, DType::Bool, sizes), number_like(b, 0, z.im), z.im)};
}

}  // namespace

WaveTable wave_table(int64_t rows, int64_t columns, int64_t n, bool inverse) {
  WaveTable table;
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t k = 0; k < columns; ++k) {
      const double turn = 2 * M_PI * static_cast<double>(j * k % n) / static_cast<double>(n);
      const double sine = 2 * j * k % n == 0 ? 0 : std::sin(turn);
      table.cosines.push_back(std::cos(turn));
      table.sines.push_back(inverse ? sine : 0 - sine);
    }
  }
  return table;
}

V resized(Builder& b, V x, int64_t axis, const Size& size) {
  if (!x) return x;
  const Size before = b.size_of(x, axis);
  if (before == size) return x;
  const bool grows = !before.is_static() || !size.is_static() || before.value < size.value;
  if (grows) {
    Sizes zeros = b.sizes_of(x);
    zeros[static_cast<std::size_t>(axis)] = size;
    x = b.concat({x, b.expand(b.scalar(0, b.dtype(x)), zeros)}, axis);
  }
  return b.slice(x, axis, 0, size);
}

Complex transformed(Builder& b, Complex z, const std::vector<int64_t>& axes, bool inverse) {
  if (axes.empty()) return z;
  if (b.opset() >= kFirstOpsetWithDft) return with_dft(b, z, axes, inverse, false);
  for (int64_t axis : axes) z = with_matrices(b, z, axis, inverse, false);
  return z;
}

Complex transformed_real(Builder& b, V x, int64_t axis, bool one_sided) {
  const Complex z = b.opset() >= kFirstOpsetWithDft ? with_dft(b, {x, {}}, {axis}, false, one_sided)
                                                    : with_matrices(b, {x, {}}, axis, false, one_sided);
  return real_at_ends(b, z, axis, b.size_of(x, axis));
}

}  // namespace modelexport::lower
