// Element-wise conversion between element types, as torch's and ONNX's Cast do it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/dtype.h"

namespace modelexport {

// Converts `n` row-major elements; `in` may have any alignment. False when a type is not a real number type that we
// know. Float to integer truncates; out of range values are unspecified, as in both peers. Bool is "not zero".
bool convert_elements(DType from, const std::byte* in, DType to, std::byte* out, std::size_t n);

[[nodiscard]] float half_to_float(uint16_t bits);
[[nodiscard]] uint16_t float_to_half(float value);  // round to nearest even
[[nodiscard]] float bfloat16_to_float(uint16_t bits);
[[nodiscard]] uint16_t float_to_bfloat16(float value);  // round to nearest even

// Calls `body.template operator()<T>()` with the C++ type of `dtype`; false for types without one.
// float16 and bfloat16 have none here: convert first.
template <typename Body>
bool with_native_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::Float32:
      body.template operator()<float>();
      return true;
    case DType::Float64:
      body.template operator()<double>();
      return true;
    case DType::Int64:
      body.template operator()<int64_t>();
      return true;
    case DType::Int32:
      body.template operator()<int32_t>();
      return true;
    case DType::Int16:
      body.template operator()<int16_t>();
      return true;
    case DType::Int8:
      body.template operator()<int8_t>();
      return true;
    case DType::UInt8:
      body.template operator()<uint8_t>();
      return true;
    case DType::UInt16:
      body.template operator()<uint16_t>();
      return true;
    case DType::UInt32:
      body.template operator()<uint32_t>();
      return true;
    case DType::UInt64:
      body.template operator()<uint64_t>();
      return true;
    case DType::Bool:
      body.template operator()<bool>();
      return true;
    default:
      return false;
  }
}

}  // namespace modelexport
