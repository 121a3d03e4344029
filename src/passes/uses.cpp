#include "passes/uses.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace modelexport::passes {

namespace {

template <typename Visit>
void for_each_graph(onnx::Graph& graph, Visit&& visit) {
  visit(graph);
  for (auto& node : graph.nodes) {
    for (auto& attribute : node.attributes) {
      if (auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) for_each_graph(**body, visit);
    }
  }
}

}  // namespace

Uses::Uses(onnx::Model& model) : count(model.values.size()), producer(model.values.size()) {
  for_each_graph(model.graph, [&](onnx::Graph& graph) {
    for (auto& node : graph.nodes) {
      for (onnx::ValueId output : node.outputs) {
        if (output != onnx::kNoValue) producer[output] = {&graph, &node};
      }
      for (onnx::ValueId input : node.inputs) {
        if (input != onnx::kNoValue) ++count[input];
      }
    }
    for (onnx::ValueId output : graph.outputs) ++count[output];
  });
}

Readers::Readers(onnx::Model& model) : of(model.values.size()) {
  onnx::for_each_node(model.graph, [&](onnx::Graph&, onnx::Node& node) {
    for (onnx::ValueId input : node.inputs) {
      if (input != onnx::kNoValue) of[input].push_back(&node);
    }
  });
}

void Readers::replace(onnx::ValueId from, onnx::ValueId to) {
  for (onnx::Node* reader : of[from]) {
    std::replace(reader->inputs.begin(), reader->inputs.end(), from, to);
    of[to].push_back(reader);
  }
  of[from].clear();
}

onnx::Node node_like(const onnx::Node& like, std::string_view op_type, std::vector<onnx::ValueId> inputs) {
  onnx::Node node;
  node.op_type = op_type;
  node.inputs = std::move(inputs);
  node.scope = like.scope;
  node.provenance = like.provenance;
  node.sources = like.sources;
  node.origin = like.origin;
  return node;
}

void share(onnx::Node& node, const onnx::Node& other, const PassContext& context) {
  if (node.scope == other.scope) return;
  if (node.sources.empty()) node.sources = {node.scope};
  if (other.sources.empty()) {
    node.sources.push_back(other.scope);
  } else {
    node.sources.insert(node.sources.end(), other.sources.begin(), other.sources.end());
  }
  node.scope = context.modules.common_ancestor(node.scope, other.scope);
  node.provenance = Provenance::Merged;
}

bool may_merge(const onnx::Node& first, onnx::Node& second, const PassContext& context) {
  if (first.scope != second.scope && !context.optimize) return false;
  share(second, first, context);
  return true;
}

onnx::ValueId add_ints(onnx::Model& model, const std::vector<int64_t>& numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(int64_t));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  const auto size = static_cast<int64_t>(numbers.size());
  return model.add_initializer("", make_tensor(DType::Int64, {size}, std::move(bytes))).value;
}

void replace_nodes(onnx::Graph& graph, std::unordered_map<const onnx::Node*, std::vector<onnx::Node>>& by) {
  std::vector<onnx::Node> nodes;
  for (onnx::Node& node : graph.nodes) {
    const auto found = by.find(&node);
    if (found == by.end()) {
      nodes.push_back(std::move(node));
    } else {
      std::move(found->second.begin(), found->second.end(), std::back_inserter(nodes));
    }
  }
  graph.nodes = std::move(nodes);
}

void sweep(onnx::Model& model) {
  for_each_graph(model.graph, [](onnx::Graph& graph) {
    std::erase_if(graph.nodes, [](const onnx::Node& node) { return node.op_type.empty(); });
  });
}

}  // namespace modelexport::passes
