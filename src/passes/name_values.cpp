#include "passes/name_values.h"

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace modelexport::passes {

namespace {

class Namer {
 public:
  explicit Namer(onnx::Model& model) : model_(model) {}

  // Inputs and outputs of the model come first: their names are promised.
  void keep(onnx::ValueId id) {
    if (done_.insert(id).second) model_.values[id].name = unique(model_.values[id].name);
  }
  void name(onnx::ValueId id, const std::string& otherwise) {
    if (id == onnx::kNoValue || !done_.insert(id).second) return;
    std::string& name = model_.values[id].name;
    name = unique(name.empty() ? otherwise : name);
  }
  std::string next_constant() { return "constant_" + std::to_string(constants_++); }

 private:
  std::string unique(const std::string& wanted) {
    auto [found, fresh] = taken_.try_emplace(wanted, 0);
    if (fresh) return wanted;
    // The count of repeats is kept, so that many equal names cost no more than different ones.
    uint32_t& repeats = found->second;
    std::string name;
    do {
      name = wanted + "_" + std::to_string(++repeats);
    } while (taken_.contains(name));
    taken_.emplace(name, 0);
    return name;
  }

  onnx::Model& model_;
  std::unordered_set<onnx::ValueId> done_;
  std::unordered_map<std::string, uint32_t> taken_;
  uint32_t constants_ = 0;
};

}  // namespace

void name_values(onnx::Model& model) {
  Namer namer(model);
  for (onnx::ValueId id : model.graph.inputs) namer.keep(id);
  for (onnx::ValueId id : model.graph.outputs) namer.keep(id);
  for (const onnx::Initializer& initializer : model.initializers) {
    const bool named = !model.values[initializer.value].name.empty();
    namer.name(initializer.value, named ? "" : namer.next_constant());
  }
  onnx::for_each_node(model.graph, [&](onnx::Graph&, onnx::Node& node) {
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      namer.name(node.outputs[i], node.name + "_output_" + std::to_string(i));
    }
    for (const auto& attribute : node.attributes) {
      const auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value);
      if (body == nullptr) continue;
      for (std::size_t i = 0; i < (*body)->inputs.size(); ++i) {
        namer.name((*body)->inputs[i], node.name + "_" + attribute.name + "_input_" + std::to_string(i));
      }
    }
  });
}

}  // namespace modelexport::passes
