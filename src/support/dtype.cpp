#include "support/dtype.h"

#include <algorithm>
#include <array>
#include <string>

#include "support/error.h"

namespace modelexport {
namespace {

struct TypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeInfo, 21> kTypes = {{
    {DType::Undefined, "undefined", 0},
    {DType::Float32, "float32", 4},
    {DType::UInt8, "uint8", 1},
    {DType::Int8, "int8", 1},
    {DType::UInt16, "uint16", 2},
    {DType::Int16, "int16", 2},
    {DType::Int32, "int32", 4},
    {DType::Int64, "int64", 8},
    {DType::String, "string", 0},
    {DType::Bool, "bool", 1},
    {DType::Float16, "float16", 2},
    {DType::Float64, "float64", 8},
    {DType::UInt32, "uint32", 4},
    {DType::UInt64, "uint64", 8},
    {DType::Complex64, "complex64", 8},
    {DType::Complex128, "complex128", 16},
    {DType::BFloat16, "bfloat16", 2},
    {DType::Float8E4M3FN, "float8_e4m3fn", 1},
    {DType::Float8E4M3FNUZ, "float8_e4m3fnuz", 1},
    {DType::Float8E5M2, "float8_e5m2", 1},
    {DType::Float8E5M2FNUZ, "float8_e5m2fnuz", 1},
}};

const TypeInfo& info(DType dtype) {
  const auto index = static_cast<std::size_t>(dtype);
  return kTypes[index < kTypes.size() ? index : 0];
}

bool is_float8(DType dtype) { return is_floating(dtype) && size_of(dtype) == 1; }

// uint16, uint32 and uint64, which torch has but does not mix with other integers.
bool is_wide_unsigned(DType dtype) { return is_unsigned(dtype) && dtype != DType::UInt8; }

bool is_number(DType dtype) { return dtype != DType::Undefined && dtype != DType::String; }

DType promote_complex(DType a, DType b) {
  const auto is_double = [](DType dtype) { return dtype == DType::Complex128 || dtype == DType::Float64; };
  return is_double(a) || is_double(b) ? DType::Complex128 : DType::Complex64;
}

DType promote_floating(DType a, DType b) {
  if (!is_floating(a)) return b;
  if (!is_floating(b)) return a;
  if (size_of(a) != size_of(b)) return size_of(a) > size_of(b) ? a : b;
  return DType::Float32;  // float16 with bfloat16
}

DType promote_integral(DType a, DType b) {
  if (a == DType::Bool) return b;
  if (b == DType::Bool) return a;
  if (size_of(a) != size_of(b)) return size_of(a) > size_of(b) ? a : b;
  return DType::Int16;  // int8 with uint8
}

}  // namespace

std::size_t size_of(DType dtype) { return info(dtype).size; }

std::string_view name_of(DType dtype) { return info(dtype).name; }

DType dtype_from_name(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeInfo& t) { return t.name == name; });
  return found == kTypes.end() ? DType::Undefined : found->dtype;
}

bool is_floating(DType dtype) {
  switch (dtype) {
    case DType::Float16:
    case DType::BFloat16:
    case DType::Float32:
    case DType::Float64:
    case DType::Float8E4M3FN:
    case DType::Float8E4M3FNUZ:
    case DType::Float8E5M2:
    case DType::Float8E5M2FNUZ:
      return true;
    default:
      return false;
  }
}

bool is_complex(DType dtype) { return dtype == DType::Complex64 || dtype == DType::Complex128; }

DType part_type(DType dtype) {
  if (dtype == DType::Complex64) return DType::Float32;
  return dtype == DType::Complex128 ? DType::Float64 : dtype;
}

bool is_unsigned(DType dtype) {
  return dtype == DType::UInt8 || dtype == DType::UInt16 || dtype == DType::UInt32 || dtype == DType::UInt64;
}

bool is_integral(DType dtype) {
  return is_unsigned(dtype) || dtype == DType::Int8 || dtype == DType::Int16 || dtype == DType::Int32 ||
         dtype == DType::Int64;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  const bool floating = is_floating(a) || is_floating(b);
  const bool complex = is_complex(a) || is_complex(b);
  const bool wide_unsigned = is_wide_unsigned(a) || is_wide_unsigned(b);
  if (!is_number(a) || !is_number(b) || is_float8(a) || is_float8(b) || (wide_unsigned && (complex || !floating))) {
    fail("torch has no common type of " + std::string(name_of(a)) + " and " + std::string(name_of(b)));
  }
  if (complex) return promote_complex(a, b);
  return floating ? promote_floating(a, b) : promote_integral(a, b);
}

}  // namespace modelexport
