// The op table: one row an ATen overload, keyed by its schema string. Adding an operator is one row and, when ONNX
// has no operator of the same meaning, one short function (docs/adding-an-op.md).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lower/context.h"
#include "program/aten_schema.h"

namespace modelexport::lower {

using Lowering = Values (*)(Context&);

struct Row {
  const char* schema;
  // Null for in-place and out= overloads: functionalisation turns them into their functional twin.
  Lowering lower;
};
inline constexpr Lowering kViaFunctional = nullptr;

// Rows of one family, in lower/ops/<family>.cpp.
using Family = std::span<const Row>;

struct Entry {
  program::Schema schema;
  Lowering lower = nullptr;
};

// The entry of "aten::add.Tensor", or null.
[[nodiscard]] const Entry* find_op(std::string_view target);
// All rows as written, for tests and docs.
[[nodiscard]] std::vector<const Row*> all_rows();

// One ATen tensor in, one ONNX node out, same dtype: {"aten::tanh(Tensor self) -> Tensor", unary<"Tanh">}.
template <std::size_t N>
struct OpName {
  char text[N];
  consteval OpName(const char (&name)[N]) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < N; ++i) text[i] = name[i];
  }
};
template <OpName Name>
Values unary(Context& c) {
  return {c.b.op(Name.text, {c.operand("self", c.out_dtype())})};
}
template <OpName Name>
Values binary(Context& c) {
  return {c.b.op(Name.text, {c.operand("self", c.out_dtype()), c.operand("other", c.out_dtype())})};
}
template <OpName Name>
Values compare(Context& c) {
  const DType dtype = c.common_dtype({"self", "other"});
  return {c.b.op(Name.text, {c.operand("self", dtype), c.operand("other", dtype)})};
}

}  // namespace modelexport::lower
