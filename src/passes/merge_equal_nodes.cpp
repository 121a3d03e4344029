// Nodes with the same operator, inputs and attributes compute the same: one is enough. It belongs to the nearest
// common ancestor of the module calls that wanted it, and says so.
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

template <typename T>
void append(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// False for attributes that are not compared: bodies and tensors.
bool append_attribute(std::string& key, const onnx::Attribute& attribute) {
  key += attribute.name;
  key.push_back(static_cast<char>(attribute.value.index()));
  if (const auto* i = std::get_if<int64_t>(&attribute.value)) {
    append(key, *i);
  } else if (const auto* f = std::get_if<float>(&attribute.value)) {
    append(key, *f);
  } else if (const auto* s = std::get_if<std::string>(&attribute.value)) {
    append(key, s->size());
    key += *s;
  } else if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute.value)) {
    append(key, list->size());
    for (int64_t item : *list) append(key, item);
  } else {
    return false;
  }
  return true;
}

bool is_random(std::string_view op) { return op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial"; }

// Empty when the node is not to be shared.
std::string key_of(const onnx::Node& node) {
  if (is_random(node.op_type) || !node.domain.empty()) return "";
  std::string key = node.op_type;
  key.push_back('\0');
  append(key, node.outputs.size());
  append(key, node.inputs.size());
  for (onnx::ValueId input : node.inputs) append(key, input);
  for (const onnx::Attribute& attribute : node.attributes) {
    if (!append_attribute(key, attribute)) return "";
  }
  return key;
}

}  // namespace

bool merge_equal_nodes(onnx::Model& model, const PassContext& context) {
  Uses uses(model);
  std::unordered_map<std::string, onnx::Node*> first_of;
  const std::unordered_set<onnx::ValueId> outputs(model.graph.outputs.begin(), model.graph.outputs.end());
  bool changed = false;
  for (onnx::Node& node : model.graph.nodes) {
    const std::string key = key_of(node);
    if (key.empty()) continue;
    const auto [found, fresh] = first_of.try_emplace(key, &node);
    if (fresh) continue;
    bool is_output = false;
    for (onnx::ValueId output : node.outputs) is_output = is_output || outputs.contains(output);
    if (is_output) continue;
    onnx::Node& kept = *found->second;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) replace_value(uses, node.outputs[i], kept.outputs[i]);
    if (kept.scope != node.scope) {
      if (kept.sources.empty()) kept.sources = {kept.scope};
      kept.sources.push_back(node.scope);
      kept.scope = context.modules.common_ancestor(kept.scope, node.scope);
      kept.provenance = Provenance::Merged;
    }
    node.op_type.clear();
    changed = true;
  }
  sweep(model);
  return changed;
}

}  // namespace modelexport::passes
