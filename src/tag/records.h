// NodeRecord — the one struct behind queries, statistics and checks — made of models, and what belongs to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modelexport/model.h"
#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

using modelexport::NodeRecord;

// Which model a sidecar belongs to: cheap to compute, and blind to weights and metadata.
struct ModelIdentity {
  uint64_t nodes = 0;
  std::string digest;  // of node names and op types, 16 hex digits
  friend bool operator==(const ModelIdentity&, const ModelIdentity&) = default;
};
[[nodiscard]] ModelIdentity identify(const onnx::Model& model);

// Calls `visit(const Node&, const std::string& graph)` for every node of every graph and local function, where
// `graph` is "" for the main graph, "/If.then_branch" for a body, and the function's name for its nodes.
template <typename Visit>
void for_each_placed_node(const onnx::Graph& graph, const std::string& place, Visit&& visit) {
  for (const onnx::Node& node : graph.nodes) {
    visit(node, place);
    for (const onnx::Attribute& attribute : node.attributes) {
      if (const auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) {
        for_each_placed_node(**body, node.name + "." + attribute.name, visit);
      }
    }
  }
}
template <typename Visit>
void for_each_placed_node(const onnx::Model& model, Visit&& visit) {
  for_each_placed_node(model.graph, "", visit);
  for (const onnx::Function& function : model.functions) {
    for_each_placed_node(*function.body, function.domain + "::" + function.name, visit);
  }
}

// Calls `visit(Node&)` for the same nodes in the same order.
template <typename ModelT, typename Visit>
void for_each_node_of(ModelT& model, Visit&& visit) {
  const auto visit_node = [&](const auto&, auto& node) { visit(node); };
  onnx::for_each_node(model.graph, visit_node);
  for (auto& function : model.functions) onnx::for_each_node(*function.body, visit_node);
}

// "exact" -> Exact; Error for anything else.
[[nodiscard]] Provenance provenance_from_name(std::string_view name);
[[nodiscard]] std::string_view name_of(onnx::Role role);
[[nodiscard]] onnx::Role role_from_name(std::string_view name);

}  // namespace modelexport::tag
