// Calls that the op table does not lower: by a lowering of the user's own, or kept as nodes of their own domain.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "lower/context.h"
#include "onnx/model.h"
#include "program/program.h"

namespace modelexport::lower {

// What a user's lowering is told: the call, and what is known of its tensors and symbolic numbers (rank 0), in the
// order in which its arguments mention them.
struct TranslatedCall {
  const program::Node& node;
  std::vector<onnx::Value> tensors;
};

// Users' own lowerings, which win over the op table's.
struct Translations {
  std::unordered_set<std::string> targets;  // "aten::add.Tensor"
  // The bytes of an ONNX model that computes one call: its inputs are the call's tensors, its outputs the results.
  std::function<std::string(const TranslatedCall&)> translate;
};

Values translate_call(Context& c, const Translations& translations);

// Whether the call is of an operator that somebody registered with torch, outside of torch's own aten.
[[nodiscard]] bool is_custom(const program::Node& node);

// One node: the operator's name in the operator's namespace. Tensors are inputs, lists of them flattened; an omitted
// one leaves its place empty. What is known at export is an attribute of the argument's name; for a list of tensors,
// how many there are. Sizes that are known at run time only are inputs behind the tensors, in order.
Values keep_custom_op(Context& c);

}  // namespace modelexport::lower
