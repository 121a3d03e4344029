// Element types, numbered as onnx.TensorProto.DataType (onnx/onnx.proto), which has all that torch can export.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace modelexport {

enum class DType : uint8_t {
  Undefined = 0,
  Float32 = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Float64 = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
};

// Bytes of one element; 0 for types that have no fixed size here.
[[nodiscard]] std::size_t size_of(DType dtype);
// "float32", "bool", ... as torch and numpy print it.
[[nodiscard]] std::string_view name_of(DType dtype);
// The inverse of name_of; Undefined when there is no such type.
[[nodiscard]] DType dtype_from_name(std::string_view name);

[[nodiscard]] bool is_floating(DType dtype);  // float16, bfloat16, float32, float64, float8
[[nodiscard]] bool is_complex(DType dtype);
// The type of a complex number's real and imaginary part; any other type is itself.
[[nodiscard]] DType part_type(DType dtype);
[[nodiscard]] bool is_integral(DType dtype);  // signed and unsigned integers, without bool
[[nodiscard]] bool is_unsigned(DType dtype);

// The type that torch computes in when both take part as tensors of rank >= 1 (c10::promoteTypes).
[[nodiscard]] DType promote(DType a, DType b);

}  // namespace modelexport
