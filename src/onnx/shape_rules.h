// Shapes of ONNX nodes' first outputs from what is known of their inputs (the ONNX operator specifications).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "onnx/evaluate.h"
#include "onnx/model.h"

namespace modelexport::onnx::detail {

// What a rule may ask of the node at hand.
struct NodeTypes {
  const Model& model;
  const Node& node;

  [[nodiscard]] bool has(std::size_t i) const { return i < node.inputs.size() && node.inputs[i] != kNoValue; }
  [[nodiscard]] const Value& input(std::size_t i) const { return model.values[node.inputs[i]]; }
  [[nodiscard]] std::optional<Shape> shape(std::size_t i) const { return has(i) ? input(i).shape : std::nullopt; }
  [[nodiscard]] DType dtype(std::size_t i) const { return has(i) ? input(i).dtype : DType::Undefined; }
  [[nodiscard]] std::optional<std::vector<int64_t>> ints(std::size_t i) const {
    const Initializer* initializer = has(i) ? model.initializer_of(node.inputs[i]) : nullptr;
    if (initializer == nullptr || initializer->data.storage == nullptr || initializer->data.numel() > 64) {
      return std::nullopt;
    }
    return read_ints(initializer->data);
  }
  [[nodiscard]] int64_t attribute(std::string_view name, int64_t otherwise) const {
    return detail::int_attribute(node, name, otherwise);
  }
};

// The shape of a node's first output; nothing where the rank itself is open.
using ShapeRule = std::optional<Shape> (*)(const NodeTypes&);

// The rule of an operator of ONNX's own domain; null for one without.
[[nodiscard]] ShapeRule shape_rule(std::string_view op_type);

}  // namespace modelexport::onnx::detail
