#include "program/pt2_types.h"

#include <fmt/format.h>

#include <array>

#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::program {

namespace {

constexpr std::array kScalarTypes = {
    DType::Undefined, DType::UInt8,      DType::Int8,    DType::Int16,    DType::Int32,
    DType::Int64,     DType::Float16,    DType::Float32, DType::Float64,  DType::Undefined,
    DType::Complex64, DType::Complex128, DType::Bool,    DType::BFloat16,
};
// From UINT16 = 28 on; the numbers between are not in use.
constexpr int64_t kFirstLater = 28;
constexpr std::array kLaterScalarTypes = {
    DType::UInt16,         DType::Float8E4M3FN, DType::Float8E5M2, DType::Float8E4M3FNUZ,
    DType::Float8E5M2FNUZ, DType::Undefined,    DType::UInt32,     DType::UInt64,
};
constexpr std::array<std::string_view, 5> kMemoryFormats = {"", "contiguous_format", "channels_last",
                                                            "channels_last_3d", "preserve_format"};
constexpr std::array<std::string_view, 8> kLayouts = {"",           "sparse_coo", "sparse_csr", "sparse_csc",
                                                      "sparse_bsr", "sparse_bsc", "_mkldnn",    "strided"};

template <std::size_t N>
std::string read_name(json::Reader& in, const std::array<std::string_view, N>& names, std::string_view what) {
  const int64_t index = in.integer();
  if (index < 1 || index >= static_cast<int64_t>(N)) in.fail_here(fmt::format("there is no {} {}", what, index));
  return std::string(names[static_cast<std::size_t>(index)]);
}

DType read_dtype(json::Reader& in) {
  const int64_t number = in.integer();
  const int64_t later = number - kFirstLater;
  if (number >= 0 && number < static_cast<int64_t>(kScalarTypes.size())) {
    return kScalarTypes[static_cast<std::size_t>(number)];
  }
  if (later >= 0 && later < static_cast<int64_t>(kLaterScalarTypes.size())) {
    return kLaterScalarTypes[static_cast<std::size_t>(later)];
  }
  in.fail_here(fmt::format("there is no element type {}", number));
}

DeviceName read_device(json::Reader& in) {
  DeviceName device;
  std::optional<int64_t> index;
  in.object([&](std::string_view key) {
    if (key == "type") {
      device.name = in.string();
    } else if (key == "index" && !in.accept_null()) {
      index = in.integer();
    } else if (key != "index") {
      in.skip();
    }
  });
  if (index) device.name += fmt::format(":{}", *index);
  return device;
}

std::complex<double> read_complex(json::Reader& in) {
  double real = 0;
  double imag = 0;
  in.object([&](std::string_view key) {
    if (key == "real") {
      real = in.number();
    } else if (key == "imag") {
      imag = in.number();
    } else {
      in.skip();
    }
  });
  return {real, imag};
}

// The size seen during capture, where torch noted one.
int64_t read_hint(json::Reader& in) {
  int64_t hint = 0;
  if (in.accept_null()) return hint;
  read_union(in, [&](std::string_view tag) {
    if (tag == "as_int") {
      hint = in.integer();
    } else {
      in.skip();
    }
  });
  return hint;
}

Dim read_expression(json::Reader& in, SymbolTable& symbols) {
  Dim dim;
  in.object([&](std::string_view key) {
    if (key == "expr_str") {
      dim.expr = symbols.parse(in.string());
    } else if (key == "hint") {
      dim.value = read_hint(in);
    } else {
      in.skip();
    }
  });
  if (dim.is_static()) in.fail_here("an expression without its text");
  const Expr& expr = symbols[dim.expr];
  return expr.head == "Integer" ? Dim{expr.integer} : dim;
}

std::vector<Dim> read_sizes(json::Reader& in, SymbolTable& symbols) {
  std::vector<Dim> sizes;
  in.array([&] { sizes.push_back(read_size(in, symbols)); });
  return sizes;
}

}  // namespace

std::string read_member(json::Reader& in, std::string_view wanted) {
  std::optional<std::string> found;
  in.object([&](std::string_view key) {
    if (key == wanted) {
      found = in.string();
    } else {
      in.skip();
    }
  });
  if (!found) in.fail_here(fmt::format("an object without \"{}\"", wanted));
  return *found;
}

Argument read_constant(std::string_view tag, json::Reader& in) {
  const auto integer = [&]() -> Argument { return {in.integer()}; };
  const auto number = [&]() -> Argument { return {in.number()}; };
  const auto boolean = [&]() -> Argument { return {in.boolean()}; };
  const auto string = [&]() -> Argument { return {std::string(in.string())}; };
  const auto integers = [&] { return read_list(in, integer); };
  const auto numbers = [&] { return read_list(in, number); };
  if (tag == "as_none") return in.skip(), Argument();
  if (tag == "as_int") return integer();
  if (tag == "as_float") return number();
  if (tag == "as_bool") return boolean();
  if (tag == "as_string") return string();
  if (tag == "as_ints") return integers();
  if (tag == "as_floats") return numbers();
  if (tag == "as_bools") return read_list(in, boolean);
  if (tag == "as_strings") return read_list(in, string);
  if (tag == "as_int_lists") return read_list(in, integers);
  if (tag == "as_float_lists") return read_list(in, numbers);
  if (tag == "as_scalar_type") return {read_dtype(in)};
  if (tag == "as_memory_format") return {MemoryFormat{read_name(in, kMemoryFormats, "memory format")}};
  if (tag == "as_layout") return {Layout{read_name(in, kLayouts, "layout")}};
  if (tag == "as_device") return {read_device(in)};
  if (tag == "as_complex") return {read_complex(in)};
  if (tag == "as_operator") return {canonical_target(in.string())};
  // Only higher-order operators take dictionaries, as hints.
  if (tag == "as_string_to_argument") return in.skip(), Argument{std::string("dict")};
  if (tag == "as_custom_obj")
    fail(fmt::format("a custom object of class {} cannot be exported", read_member(in, "class_fqn")));
  in.fail_here(fmt::format("unknown kind of argument \"{}\" (written by a newer torch?)", tag));
}

Dim read_size(json::Reader& in, SymbolTable& symbols) {
  Dim dim;
  read_union(in, [&](std::string_view tag) {
    if (tag == "as_int") {
      dim.value = in.integer();
    } else if (tag == "as_expr") {
      dim = read_expression(in, symbols);
    } else {
      in.fail_here(fmt::format("unknown kind of size \"{}\"", tag));
    }
  });
  return dim;
}

TensorMeta read_tensor_meta(json::Reader& in, SymbolTable& symbols) {
  TensorMeta meta;
  in.object([&](std::string_view key) {
    if (key == "dtype") {
      meta.dtype = read_dtype(in);
    } else if (key == "sizes") {
      meta.sizes = read_sizes(in, symbols);
    } else if (key == "strides") {
      meta.strides = read_sizes(in, symbols);
    } else if (key == "storage_offset") {
      meta.offset = read_size(in, symbols);
    } else if (key == "layout") {
      meta.is_strided = read_name(in, kLayouts, "layout") == "strided";
    } else {
      in.skip();
    }
  });
  for (const Dim& size : meta.sizes) {
    if (size.is_static() && size.value < 0) in.fail_here(fmt::format("a size of {}", size.value));
  }
  if (meta.strides.size() != meta.sizes.size()) in.fail_here("a tensor with more sizes than strides, or fewer");
  return meta;
}

}  // namespace modelexport::program
