// Nodes and initializers that no output needs go; the indices of what stays are renewed.
#include <algorithm>

#include "passes/pass.h"

namespace modelexport::passes {

namespace {

// Marks what `graph` needs, last node first, and drops the nodes that nobody needs.
bool prune(onnx::Graph& graph, std::vector<bool>& needed) {
  bool changed = false;
  for (onnx::ValueId output : graph.outputs) needed[output] = true;
  std::vector<bool> keep(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    onnx::Node& node = graph.nodes[i];
    keep[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](onnx::ValueId id) { return id != onnx::kNoValue && needed[id]; });
    if (!keep[i]) continue;
    for (onnx::ValueId input : node.inputs) {
      if (input != onnx::kNoValue) needed[input] = true;
    }
    for (auto& attribute : node.attributes) {
      if (auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) {
        changed = prune(**body, needed) || changed;
      }
    }
  }
  std::size_t index = 0;
  const auto removed = std::erase_if(graph.nodes, [&](const onnx::Node&) { return !keep[index++]; });
  return changed || removed > 0;
}

}  // namespace

bool remove_dead(onnx::Model& model, const PassContext&) {
  std::vector<bool> needed(model.values.size(), false);
  bool changed = prune(model.graph, needed);
  std::vector<onnx::Initializer> kept;
  for (onnx::Initializer& initializer : model.initializers) {
    int32_t& index = model.values[initializer.value].initializer;
    if (!needed[initializer.value]) {
      index = -1;
      changed = true;
      continue;
    }
    index = static_cast<int32_t>(kept.size());
    kept.push_back(std::move(initializer));
  }
  model.initializers = std::move(kept);
  return changed;
}

}  // namespace modelexport::passes
