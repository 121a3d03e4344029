// Nodes with the same operator, inputs and attributes compute the same: one is enough. It belongs to the nearest
// common ancestor of the module calls that wanted it, and says so.
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "onnx/computation_key.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

bool merge_equal_nodes(onnx::Model& model, const PassContext& context) {
  Readers readers(model);
  std::unordered_map<std::string, onnx::Node*> first_of;
  const std::unordered_set<onnx::ValueId> outputs(model.graph.outputs.begin(), model.graph.outputs.end());
  bool changed = false;
  for (onnx::Node& node : model.graph.nodes) {
    const std::string key = onnx::computation_key(node, node.inputs);
    if (key.empty()) continue;
    const auto [found, fresh] = first_of.try_emplace(key, &node);
    if (fresh) continue;
    bool is_output = false;
    for (onnx::ValueId output : node.outputs) is_output = is_output || outputs.contains(output);
    if (is_output) continue;
    onnx::Node& kept = *found->second;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) readers.replace(node.outputs[i], kept.outputs[i]);
    share(kept, node, context);
    node.op_type.clear();
    changed = true;
  }
  sweep(model);
  return changed;
}

}  // namespace modelexport::passes
