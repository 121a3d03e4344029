// Element-wise operators of the constant evaluator. Inputs are read through strides (0 where broadcast); the
// innermost dimension is a plain loop.
#include <array>
#include <cmath>
#include <functional>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "onnx/evaluate.h"
#include "support/convert.h"

namespace modelexport::onnx::detail {
namespace {

// Calls row(offsets, n) for every innermost row; `offsets` are element offsets of each tensor's first element.
template <std::size_t N, typename Row>
void for_each_row(const std::vector<int64_t>& sizes, const std::array<const TensorView*, N>& tensors, Row&& row) {
  if (product(sizes) == 0) return;
  const std::size_t rank = sizes.size();
  const int64_t n = rank == 0 ? 1 : sizes.back();
  std::array<int64_t, N> offsets{};
  for (std::size_t k = 0; k < N; ++k) offsets[k] = tensors[k]->offset;
  std::vector<int64_t> index(rank, 0);
  while (true) {
    row(offsets, n);
    std::size_t axis = rank < 2 ? 0 : rank - 1;
    while (axis-- > 0) {
      for (std::size_t k = 0; k < N; ++k) offsets[k] += tensors[k]->strides[axis];
      if (++index[axis] < sizes[axis]) break;
      for (std::size_t k = 0; k < N; ++k) offsets[k] -= tensors[k]->strides[axis] * sizes[axis];
      index[axis] = 0;
      if (axis == 0) return;
    }
    if (rank < 2) return;
  }
}

int64_t inner_stride(const TensorView& tensor) { return tensor.strides.empty() ? 0 : tensor.strides.back(); }

template <typename T>
const T* elements(const TensorView& tensor) {
  return reinterpret_cast<const T*>(tensor.storage->data);
}

template <typename T, typename R, typename F>
TensorView map2(const Inputs& inputs, const std::vector<int64_t>& sizes, DType out_dtype, F&& f) {
  const TensorView a = broadcast_to(*inputs[0], sizes);
  const TensorView b = broadcast_to(*inputs[1], sizes);
  Fresh out = make_fresh(out_dtype, sizes);
  auto* target = reinterpret_cast<R*>(out.data);
  for_each_row<2>(sizes, {&a, &b}, [&](const auto& offsets, int64_t n) {
    const T* x = elements<T>(a) + offsets[0];
    const T* y = elements<T>(b) + offsets[1];
    for (int64_t i = 0; i < n; ++i) *target++ = f(x[i * inner_stride(a)], y[i * inner_stride(b)]);
  });
  return std::move(out.view);
}

template <typename T, typename F>
TensorView map1(const TensorView& a, F&& f) {
  Fresh out = make_fresh(a.dtype, a.sizes);
  auto* target = reinterpret_cast<T*>(out.data);
  for_each_row<1>(a.sizes, {&a}, [&](const auto& offsets, int64_t n) {
    const T* x = elements<T>(a) + offsets[0];
    for (int64_t i = 0; i < n; ++i) *target++ = static_cast<T>(f(x[i * inner_stride(a)]));
  });
  return std::move(out.view);
}

// Integer arithmetic wraps, as torch's and onnxruntime's does; unsigned keeps that defined in C++.
template <typename T, typename F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  } else {
    return f(a, b);
  }
}

template <typename T>
bool is_nan(T number) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(number);
  return false;
}

template <typename T>
T integer_power(T base, T exponent) {
  if (exponent < 0) {  // truncated, only the powers of 1 and -1 are not 0
    if (base == static_cast<T>(-1)) return exponent % 2 == 0 ? T(1) : base;
    return base == 1 ? T(1) : T(0);
  }
  uint64_t result = 1;
  auto factor = static_cast<uint64_t>(base);
  for (auto e = static_cast<uint64_t>(exponent); e != 0; e >>= 1U) {
    if ((e & 1U) != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

// Whether `op` is arithmetic on T; the result goes to `out`.
template <typename T>
bool arithmetic(const Node& node, const Inputs& inputs, const std::vector<int64_t>& sizes, TensorView& out) {
  const std::string_view op = node.op_type;
  const DType dtype = inputs[0]->dtype;
  const auto run = [&](auto f) {
    out = map2<T, T>(inputs, sizes, dtype, f);
    return true;
  };
  if (op == "Add") return run([](T a, T b) { return wrapping(a, b, std::plus<>()); });
  if (op == "Sub") return run([](T a, T b) { return wrapping(a, b, std::minus<>()); });
  if (op == "Mul") return run([](T a, T b) { return wrapping(a, b, std::multiplies<>()); });
  if (op == "Max") return run([](T a, T b) { return is_nan(a) || a > b ? a : b; });
  if (op == "Min") return run([](T a, T b) { return is_nan(a) || a < b ? a : b; });
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "Div") return run([](T a, T b) { return a / b; });
    if (op == "Pow") return run([](T a, T b) { return std::pow(a, b); });
    if (op == "Mod" && int_attribute(node, "fmod", 0) == 1) return run([](T a, T b) { return std::fmod(a, b); });
  } else {
    // -1 divides the smallest integer out of range: negate by wrapping instead.
    if (op == "Div") {
      return run([](T a, T b) {
        if (b == 0) return T(0);
        if constexpr (std::is_signed_v<T>) {
          if (b == T(-1)) return wrapping(T(0), a, std::minus<>());
        }
        return static_cast<T>(a / b);
      });
    }
    if (op == "Mod") {
      [[maybe_unused]] const bool truncated = int_attribute(node, "fmod", 0) == 1;
      return run([&](T a, T b) {
        if (b == 0) return T(0);
        if constexpr (std::is_signed_v<T>) {
          if (b == T(-1)) return T(0);
        }
        const T r = static_cast<T>(a % b);
        if constexpr (std::is_signed_v<T>) {
          if (!truncated && r != 0 && (r < 0) != (b < 0)) return static_cast<T>(r + b);
        }
        return r;
      });
    }
    if (op == "Pow" && inputs[1]->dtype == dtype) return run([](T a, T b) { return integer_power(a, b); });
    if (op == "BitwiseAnd") return run([](T a, T b) { return static_cast<T>(a & b); });
    if (op == "BitwiseOr") return run([](T a, T b) { return static_cast<T>(a | b); });
    if (op == "BitwiseXor") return run([](T a, T b) { return static_cast<T>(a ^ b); });
  }
  return false;
}

template <typename T>
bool comparison(std::string_view op, const Inputs& inputs, const std::vector<int64_t>& sizes, TensorView& out) {
  const auto run = [&](auto f) {
    out = map2<T, bool>(inputs, sizes, DType::Bool, f);
    return true;
  };
  if (op == "Equal") return run([](T a, T b) { return a == b; });
  if (op == "Less") return run([](T a, T b) { return a < b; });
  if (op == "LessOrEqual") return run([](T a, T b) { return a <= b; });
  if (op == "Greater") return run([](T a, T b) { return a > b; });
  if (op == "GreaterOrEqual") return run([](T a, T b) { return a >= b; });
  return false;
}

bool logic(std::string_view op, const Inputs& inputs, const std::vector<int64_t>& sizes, TensorView& out) {
  const auto run = [&](auto f) {
    out = map2<bool, bool>(inputs, sizes, DType::Bool, f);
    return true;
  };
  if (op == "And") return run([](bool a, bool b) { return a && b; });
  if (op == "Or") return run([](bool a, bool b) { return a || b; });
  if (op == "Xor") return run([](bool a, bool b) { return a != b; });
  return false;
}

template <typename T>
bool unary_function(std::string_view op, const TensorView& x, TensorView& out) {
  const auto run = [&](auto f) {
    out = map1<T>(x, f);
    return true;
  };
  if (op == "Neg") return run([](T a) { return wrapping(T(0), a, std::minus<>()); });
  if constexpr (std::is_signed_v<T>) {
    if (op == "Abs") return run([](T a) { return a < 0 ? wrapping(T(0), a, std::minus<>()) : a; });
    if (op == "Sign") return run([](T a) { return T((a > 0) - (a < 0)); });
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "Sqrt") return run([](T a) { return std::sqrt(a); });
    if (op == "Exp") return run([](T a) { return std::exp(a); });
    if (op == "Log") return run([](T a) { return std::log(a); });
    if (op == "Cos") return run([](T a) { return std::cos(a); });
    if (op == "Sin") return run([](T a) { return std::sin(a); });
    if (op == "Tanh") return run([](T a) { return std::tanh(a); });
    if (op == "Floor") return run([](T a) { return std::floor(a); });
    if (op == "Ceil") return run([](T a) { return std::ceil(a); });
    if (op == "Round") return run([](T a) { return std::nearbyint(a); });
    if (op == "Reciprocal") return run([](T a) { return T(1) / a; });
    if (op == "Sigmoid") return run([](T a) { return T(1) / (T(1) + std::exp(-a)); });
  }
  return false;
}

Result evaluate_where(const Inputs& inputs) {
  const auto sizes = broadcast_sizes(inputs);
  if (!sizes || product(*sizes) < 0 || product(*sizes) > kMaxFoldedElements) return std::nullopt;
  if (inputs[0]->dtype != DType::Bool || inputs[1]->dtype != inputs[2]->dtype) return std::nullopt;
  const TensorView c = broadcast_to(*inputs[0], *sizes);
  const TensorView a = broadcast_to(*inputs[1], *sizes);
  const TensorView b = broadcast_to(*inputs[2], *sizes);
  Fresh out = make_fresh(a.dtype, *sizes);
  const bool known = with_native_type(a.dtype, [&]<typename T>() {
    auto* target = reinterpret_cast<T*>(out.data);
    for_each_row<3>(*sizes, {&c, &a, &b}, [&](const auto& offsets, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        *target++ = elements<bool>(c)[offsets[0] + i * inner_stride(c)]
                        ? elements<T>(a)[offsets[1] + i * inner_stride(a)]
                        : elements<T>(b)[offsets[2] + i * inner_stride(b)];
      }
    });
  });
  if (!known) return std::nullopt;
  return std::vector<TensorView>{std::move(out.view)};
}

Result evaluate_cast(const Node& node, const TensorView& x) {
  const auto to = static_cast<DType>(int_attribute(node, "to", 0));
  if (size_of(to) == 0 || is_complex(to) || is_complex(x.dtype)) return std::nullopt;
  std::vector<std::byte> raw(x.nbytes());
  x.gather(0, x.numel(), raw.data());
  Fresh out = make_fresh(to, x.sizes);
  if (!convert_elements(x.dtype, raw.data(), to, out.data, static_cast<std::size_t>(x.numel()))) return std::nullopt;
  return std::vector<TensorView>{std::move(out.view)};
}

}  // namespace

Result evaluate_elementwise(const Node& node, const Inputs& inputs) {
  const std::string_view op = node.op_type;
  for (const auto* input : inputs) {
    if (input == nullptr) return std::nullopt;
  }
  if (op == "Where" && inputs.size() == 3) return evaluate_where(inputs);
  if (op == "Cast" && inputs.size() == 1) return evaluate_cast(node, *inputs[0]);
  TensorView out;
  bool done = false;
  if (inputs.size() == 1) {
    const TensorView& x = *inputs[0];
    if (op == "Not" && x.dtype == DType::Bool) {
      out = map1<bool>(x, [](bool a) { return !a; });
      done = true;
    } else if (x.dtype != DType::Bool) {
      with_native_type(x.dtype, [&]<typename T>() { done = unary_function<T>(op, x, out); });
    }
  } else if (inputs.size() == 2 && inputs[0]->dtype == inputs[1]->dtype) {
    const auto sizes = broadcast_sizes(inputs);
    if (!sizes || product(*sizes) < 0 || product(*sizes) > kMaxFoldedElements) return std::nullopt;
    const DType dtype = inputs[0]->dtype;
    if (dtype == DType::Bool) done = logic(op, inputs, *sizes, out);
    if (!done) {
      with_native_type(dtype, [&]<typename T>() {
        done = comparison<T>(op, inputs, *sizes, out);
        if constexpr (!std::is_same_v<T, bool>) done = done || arithmetic<T>(node, inputs, *sizes, out);
      });
    }
  }
  if (!done) return std::nullopt;
  return std::vector<TensorView>{std::move(out)};
}

}  // namespace modelexport::onnx::detail
