// The leaves of torch's serialization schema (torch/_export/serde/schema.py, version 8): numbered types, sizes and
// what a tensor looks like.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "program/program.h"
#include "support/json_reader.h"

namespace modelexport::program {

// Of a map by name that is asked with views.
struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};
template <typename T>
using ByName = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;

// {"tag": value}, the form of every union: read(tag) must read the value.
template <typename Read>
void read_union(json::Reader& in, const Read& read) {
  int members = 0;
  in.object([&](std::string_view tag) {
    if (++members > 1) in.fail_here("a union with two members");
    read(tag);
  });
  if (members == 0) in.fail_here("a union without a member");
}

template <typename Element>
Argument read_list(json::Reader& in, const Element& element) {
  Arguments items;
  in.array([&] { items.push_back(element()); });
  return {std::move(items)};
}

// One member of an object, the others skipped. Fails when it is missing.
[[nodiscard]] std::string read_member(json::Reader& in, std::string_view wanted);

// The member of an Argument that names no value: a number, a string, a type, ..., or a list of them.
[[nodiscard]] Argument read_constant(std::string_view tag, json::Reader& in);

// {"as_int": 3} or {"as_expr": {"expr_str": "Symbol('s0', ...)", "hint": {"as_int": 5}}}.
[[nodiscard]] Dim read_size(json::Reader& in, SymbolTable& symbols);

struct TensorMeta {
  DType dtype = DType::Undefined;
  std::vector<Dim> sizes;
  std::vector<Dim> strides;
  Dim offset;
  bool is_strided = true;
};
[[nodiscard]] TensorMeta read_tensor_meta(json::Reader& in, SymbolTable& symbols);

}  // namespace modelexport::program
