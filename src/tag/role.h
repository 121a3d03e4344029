// Which nodes do what a user wrote (core) and which are shape and constant plumbing (auxiliary); docs/tags.md.
#pragma once

#include <string_view>

#include "onnx/model.h"

namespace modelexport::tag {

// Op types that are plumbing unless a user asked for just that.
[[nodiscard]] bool is_auxiliary_type(std::string_view op_type);
// Whether ONNX `op_type` is what the ATen call `origin` ("aten.view.default") asks for.
[[nodiscard]] bool is_purpose_of(std::string_view origin, std::string_view op_type);

// Sets Node::role of every node of every graph. A node of an auxiliary type is core when it is the purpose of its
// ATen call and works on data; what works on sizes (computed from Shape) only prepares another node's operands.
void assign_roles(onnx::Model& model);

}  // namespace modelexport::tag
