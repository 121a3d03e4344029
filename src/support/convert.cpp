#include "support/convert.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace modelexport {

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16U;
  const uint32_t exponent = (bits >> 10U) & 0x1FU;
  const uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0x1FU) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13U));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
}

uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16U) & 0x8000U);
  const uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {  // subnormal: adding 0.5 aligns the mantissa and rounds to nearest even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000U));
  }
  const uint32_t odd = (magnitude >> 13U) & 1U;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13U));
}

float bfloat16_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16U); }

uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return 0x7FC0U;
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

namespace {

template <typename To, typename From>
To convert_one(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // The cast is undefined for what the type cannot hold; int64's minimum is what x86 gives.
    if (!(value > -9.3e18 && value < 9.2e18)) return static_cast<To>(std::numeric_limits<int64_t>::min());
    return static_cast<To>(static_cast<int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

// Element `i` of bytes of any alignment; every byte but 0 is true.
template <typename T>
T load(const std::byte* bytes, std::size_t i) {
  if constexpr (std::is_same_v<T, bool>) {
    return bytes[i] != std::byte{0};
  } else {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    return value;
  }
}

bool is_small_float(DType dtype) { return dtype == DType::Float16 || dtype == DType::BFloat16; }

}  // namespace

bool convert_elements(DType from, const std::byte* in, DType to, std::byte* out, std::size_t n) {
  if (is_small_float(from)) {
    std::vector<float> wide(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto bits = load<uint16_t>(in, i);
      wide[i] = from == DType::Float16 ? half_to_float(bits) : bfloat16_to_float(bits);
    }
    return convert_elements(DType::Float32, reinterpret_cast<const std::byte*>(wide.data()), to, out, n);
  }
  if (is_small_float(to)) {
    std::vector<float> wide(n);
    if (!convert_elements(from, in, DType::Float32, reinterpret_cast<std::byte*>(wide.data()), n)) return false;
    auto* bits = reinterpret_cast<uint16_t*>(out);
    for (std::size_t i = 0; i < n; ++i) {
      bits[i] = to == DType::Float16 ? float_to_half(wide[i]) : float_to_bfloat16(wide[i]);
    }
    return true;
  }
  bool known = false;
  with_native_type(from, [&]<typename From>() {
    known = with_native_type(to, [&]<typename To>() {
      auto* target = reinterpret_cast<To*>(out);
      for (std::size_t i = 0; i < n; ++i) target[i] = convert_one<To>(load<From>(in, i));
    });
  });
  return known;
}

}  // namespace modelexport
