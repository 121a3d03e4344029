#include "tag/tagged_index.h"

#include <algorithm>

#include "onnx/computation_key.h"

namespace modelexport::tag {
namespace {

bool has_body(const onnx::Node& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const onnx::Attribute& attribute) {
    return std::holds_alternative<std::shared_ptr<onnx::Graph>>(attribute.value);
  });
}

}  // namespace

TaggedIndex::TaggedIndex(onnx::Model& model)
    : flow_(model), depends_on_input_(model.values.size()), representative_(model.values.size()) {
  index_names(model);
  mark_input_dependent();
  number_values();
}

uint32_t TaggedIndex::node_named(std::string_view name) const {
  const auto found = nodes_by_name_.find(name);
  return name.empty() || found == nodes_by_name_.end() ? kNoNode : found->second;
}

onnx::ValueId TaggedIndex::tensor_named(std::string_view name) const {
  const auto found = tensors_by_name_.find(name);
  return found == tensors_by_name_.end() ? onnx::kNoValue : found->second;
}

onnx::ValueId TaggedIndex::tensor_at_start_of(std::string_view name) const {
  for (std::size_t end = name.find_last_of("_/"); end != std::string_view::npos && end > 0;
       end = name.find_last_of("_/", end - 1)) {
    const onnx::ValueId value = tensor_named(name.substr(0, end));
    if (value != onnx::kNoValue && producer(value) != kNoNode) return value;
  }
  return onnx::kNoValue;
}

const std::vector<uint32_t>& TaggedIndex::readers(onnx::ValueId value) const {
  static const std::vector<uint32_t> none;
  const auto found = readers_.find(value);
  return found == readers_.end() ? none : found->second;
}

const std::vector<uint32_t>& TaggedIndex::equals(uint32_t node) const {
  static const std::vector<uint32_t> none;
  const std::vector<onnx::ValueId>& outputs = flow_.nodes[node]->outputs;
  if (outputs.empty() || outputs.front() == onnx::kNoValue) return none;
  const auto found = equals_.find(representative_[outputs.front()]);
  return found == equals_.end() || found->second.size() == 1 ? none : found->second;
}

void TaggedIndex::index_names(const onnx::Model& model) {
  for (onnx::ValueId value = 0; value < model.values.size(); ++value) {
    if (!model.values[value].name.empty()) tensors_by_name_.emplace(model.values[value].name, value);
  }
  for (std::size_t i = 0; i < flow_.nodes.size(); ++i) {
    const onnx::Node& node = *flow_.nodes[i];
    nodes_by_name_.emplace(node.name, static_cast<uint32_t>(i));
    for (const onnx::ValueId input : node.inputs) {
      if (input != onnx::kNoValue) readers_[input].push_back(static_cast<uint32_t>(i));
    }
  }
}

void TaggedIndex::mark_input_dependent() {
  for (onnx::ValueId value = 0; value < depends_on_input_.size(); ++value) {
    depends_on_input_[value] = flow_.producer[value] == kNoNode && flow_.weight[value] == nullptr;
  }
  for (const onnx::Node* node : flow_.nodes) {
    const bool depends = has_body(*node) || std::any_of(node->inputs.begin(), node->inputs.end(), [&](auto input) {
                           return input != onnx::kNoValue && depends_on_input_[input];
                         });
    for (const onnx::ValueId output : node->outputs) {
      if (output != onnx::kNoValue) depends_on_input_[output] = depends;
    }
  }
}

void TaggedIndex::number_values() {
  for (onnx::ValueId value = 0; value < representative_.size(); ++value) representative_[value] = value;
  std::unordered_map<std::string, uint32_t> first_of;
  for (uint32_t i = 0; i < flow_.nodes.size(); ++i) {
    const onnx::Node& node = *flow_.nodes[i];
    std::vector<onnx::ValueId> inputs = node.inputs;
    for (onnx::ValueId& input : inputs) {
      if (input != onnx::kNoValue) input = representative_[input];
    }
    const std::string key = onnx::computation_key(node, inputs);
    if (key.empty() || node.outputs.empty() || node.outputs.front() == onnx::kNoValue) continue;
    const uint32_t first = first_of.try_emplace(key, i).first->second;
    const std::vector<onnx::ValueId>& outputs = flow_.nodes[first]->outputs;
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      if (node.outputs[j] != onnx::kNoValue && outputs[j] != onnx::kNoValue)
        representative_[node.outputs[j]] = outputs[j];
    }
    equals_[outputs.front()].push_back(i);
  }
}

}  // namespace modelexport::tag
