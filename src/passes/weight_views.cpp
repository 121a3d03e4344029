#include "passes/weight_views.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "passes/uses.h"

namespace modelexport::passes {

namespace {

// Nothing when the readers make different views, or some reads the weight as it is.
std::optional<TensorView> common_view(const std::vector<onnx::Node*>& readers, const onnx::Initializer& weight,
                                      const ViewOf& view_of) {
  std::optional<TensorView> common;
  for (const onnx::Node* reader : readers) {
    std::optional<TensorView> view = view_of(*reader, weight);
    if (!view || (common && (view->sizes != common->sizes || view->strides != common->strides))) return std::nullopt;
    common = std::move(view);
  }
  return common;
}

}  // namespace

bool view_weights(onnx::Model& model, std::string_view suffix, const ViewOf& view_of) {
  Readers readers(model);
  const std::unordered_set<onnx::ValueId> outputs(model.graph.outputs.begin(), model.graph.outputs.end());
  bool changed = false;
  for (onnx::Initializer& initializer : model.initializers) {
    if (initializer.data.storage == nullptr || outputs.contains(initializer.value)) continue;
    const std::vector<onnx::Node*> viewing = readers.of[initializer.value];
    std::optional<TensorView> view = common_view(viewing, initializer, view_of);
    const auto is_output = [&](const onnx::Node* node) { return outputs.contains(node->outputs.front()); };
    if (!view || std::any_of(viewing.begin(), viewing.end(), is_output)) continue;
    initializer.data = std::move(*view);
    onnx::Value& value = model.values[initializer.value];
    if (!value.name.empty()) {
      if (initializer.source.empty()) initializer.source = value.name;
      value.name += suffix;
    }
    value.shape = onnx::static_shape(initializer.data.sizes);
    for (onnx::Node* node : viewing) {
      readers.replace(node->outputs.front(), initializer.value);
      node->op_type.clear();
    }
    changed = true;
  }
  sweep(model);
  return changed;
}

}  // namespace modelexport::passes
