#include "passes/name_values.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "support/in_bulk.h"

namespace modelexport::passes {

namespace {

class Namer {
 public:
  explicit Namer(onnx::Model& model) : model_(model), done_(model.values.size()) { taken_.reserve(done_.size()); }

  // Gives the value its name, or what `otherwise` makes when it has none. Inputs and outputs of the model come first:
  // their names are promised.
  template <typename Otherwise>
  void name(onnx::ValueId id, const Otherwise& otherwise) {
    if (id == onnx::kNoValue || done_[id]) return;
    done_[id] = true;
    std::string& name = model_.values[id].name;
    if (name.empty()) name = otherwise();
    make_unique(name);
  }
  void keep(onnx::ValueId id) {
    name(id, [] { return std::string(); });
  }
  std::string next_constant() { return "constant_" + std::to_string(constants_++); }

 private:
  void make_unique(std::string& name) {
    const auto [found, is_new] = taken_.try_emplace(name, 0);
    if (is_new) return;
    // The count of repeats is kept, so that many equal names cost no more than different ones.
    uint32_t& repeats = found->second;
    const std::string wanted = std::move(name);
    do {
      name = wanted + "_" + std::to_string(++repeats);
    } while (!taken_.try_emplace(name, 0).second);
  }

  onnx::Model& model_;
  std::vector<bool> done_;
  // Names where they stand in the model.
  InBulk<std::pmr::unordered_map<std::string_view, uint32_t>> taken_;
  uint32_t constants_ = 0;
};

}  // namespace

void name_values(onnx::Model& model) {
  Namer namer(model);
  for (onnx::ValueId id : model.graph.inputs) namer.keep(id);
  for (onnx::ValueId id : model.graph.outputs) namer.keep(id);
  for (const onnx::Initializer& initializer : model.initializers) {
    namer.name(initializer.value, [&] { return namer.next_constant(); });
  }
  onnx::for_each_node(model.graph, [&](onnx::Graph&, onnx::Node& node) {
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      namer.name(node.outputs[i], [&] { return node.name + "_output_" + std::to_string(i); });
    }
    for (const auto& attribute : node.attributes) {
      const auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value);
      if (body == nullptr) continue;
      for (std::size_t i = 0; i < (*body)->inputs.size(); ++i) {
        namer.name((*body)->inputs[i],
                   [&] { return node.name + "_" + attribute.name + "_input_" + std::to_string(i); });
      }
    }
  });
}

}  // namespace modelexport::passes
