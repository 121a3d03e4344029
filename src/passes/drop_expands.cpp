// What broadcasts by itself need not be given an operand that was expanded before.
#include <algorithm>
#include <array>
#include <string_view>

#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

constexpr std::array<std::string_view, 13> kBroadcasting = {"Add", "And", "Div", "Equal", "Greater", "Less", "Max",
                                                            "Min", "Mul", "Or",  "Pow",   "Sub",     "Where"};

// Whether another operand than number `i` has the shape of the result already.
bool is_shaped_without(const onnx::Model& model, const onnx::Node& node, std::size_t i) {
  const auto& out = model.values[node.outputs[0]].shape;
  for (std::size_t j = 0; out && j < node.inputs.size(); ++j) {
    const auto& shape = model.values[node.inputs[j]].shape;
    if (j != i && shape && std::equal(shape->begin(), shape->end(), out->begin(), out->end(), known_equal)) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool drop_expands(onnx::Model& model, const PassContext&) {
  const Uses uses(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph& graph, onnx::Node& node) {
    if (!is_one_of(node, kBroadcasting)) return;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const Place expand = uses.producer[node.inputs[i]];
      if (expand.node == nullptr || expand.graph != &graph || !is(*expand.node, "Expand") ||
          !is_shaped_without(model, node, i)) {
        continue;
      }
      node.inputs[i] = expand.node->inputs[0];
      changed = true;
    }
  });
  return changed;
}

}  // namespace modelexport::passes
