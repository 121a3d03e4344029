#include "tag/flow.h"

#include <algorithm>

namespace modelexport::tag {
namespace {

void add_nodes(Flow& flow, onnx::Graph& graph, uint32_t around) {
  for (onnx::Node& node : graph.nodes) {
    const auto self = static_cast<uint32_t>(flow.nodes.size());
    flow.nodes.push_back(&node);
    flow.around.push_back(around);
    for (const onnx::ValueId output : node.outputs) {
      if (output != onnx::kNoValue) flow.producer[output] = self;
    }
    for (onnx::Attribute& attribute : node.attributes) {
      if (auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) add_nodes(flow, **body, self);
    }
  }
}

void take(onnx::Node& node, ScopeId scope) {
  node.scope = scope;
  node.provenance = Provenance::Inherited;
}

// Later nodes first, so that a chain of unknown nodes inherits through its whole length.
void inherit_from_readers(Flow& flow, const ModuleTree& modules, std::vector<bool>& known) {
  std::vector<Meeting> readers(flow.producer.size());
  for (std::size_t i = flow.nodes.size(); i-- > 0;) {
    onnx::Node& node = *flow.nodes[i];
    if (!known[i]) {
      Meeting meeting;
      for (const onnx::ValueId output : node.outputs) {
        if (output != onnx::kNoValue && readers[output].scope()) meeting.join(modules, *readers[output].scope());
      }
      if (!meeting.scope()) continue;
      take(node, *meeting.scope());
      known[i] = true;
    }
    for (const onnx::ValueId input : node.inputs) {
      if (input != onnx::kNoValue) readers[input].join(modules, node.scope);
    }
  }
}

void inherit_from_producers(Flow& flow, const ModuleTree& modules, std::vector<bool>& known) {
  for (std::size_t i = 0; i < flow.nodes.size(); ++i) {
    if (known[i]) continue;
    onnx::Node& node = *flow.nodes[i];
    Meeting meeting;
    for (const onnx::ValueId input : node.inputs) {
      const uint32_t producer = input == onnx::kNoValue ? kNoNode : flow.producer[input];
      if (producer != kNoNode && known[producer]) meeting.join(modules, flow.nodes[producer]->scope);
    }
    const uint32_t around = flow.around[i];
    if (!meeting.scope() && around != kNoNode && known[around]) meeting.join(modules, flow.nodes[around]->scope);
    if (!meeting.scope()) continue;
    take(node, *meeting.scope());
    known[i] = true;
  }
}

}  // namespace

Flow::Flow(onnx::Model& model) : producer(model.values.size(), kNoNode), weight(model.values.size()) {
  add_nodes(*this, model.graph, kNoNode);
  for (onnx::Function& function : model.functions) add_nodes(*this, *function.body, kNoNode);
  for (const onnx::Initializer& initializer : model.initializers) {
    weight[initializer.value] = &model.values[initializer.value].name;
  }
}

uint64_t inherit_scopes(Flow& flow, const ModuleTree& modules, std::vector<bool>& known) {
  const auto before = std::count(known.begin(), known.end(), true);
  inherit_from_readers(flow, modules, known);
  inherit_from_producers(flow, modules, known);
  return static_cast<uint64_t>(std::count(known.begin(), known.end(), true) - before);
}

uint64_t fall_back(Flow& flow, const std::vector<bool>& known) {
  uint64_t count = 0;
  for (std::size_t i = 0; i < flow.nodes.size(); ++i) {
    if (known[i]) continue;
    flow.nodes[i]->scope = kRootScope;
    flow.nodes[i]->provenance = Provenance::Fallback;
    ++count;
  }
  return count;
}

}  // namespace modelexport::tag
