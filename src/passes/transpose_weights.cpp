// A weight that every reader wants transposed alike is written that way: another view of the same bytes, which the
// writer streams. A tied weight that is also read as it is keeps its Transpose, so that it is written once.
#include <algorithm>
#include <optional>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using Perm = std::vector<int64_t>;

// The permutation that all of them apply to what they read; nothing when they differ or some reads it as it is.
std::optional<Perm> common_permutation(const std::vector<onnx::Node*>& readers) {
  std::optional<Perm> common;
  for (const onnx::Node* reader : readers) {
    if (!is(*reader, "Transpose")) return std::nullopt;
    const onnx::Attribute* attribute = reader->find("perm");
    if (attribute == nullptr) return std::nullopt;
    const auto& perm = std::get<Perm>(attribute->value);
    if (common && *common != perm) return std::nullopt;
    common = perm;
  }
  return common;
}

TensorView permuted(const TensorView& view, const Perm& perm) {
  TensorView result = view;
  for (std::size_t i = 0; i < perm.size(); ++i) {
    result.sizes[i] = view.sizes[static_cast<std::size_t>(perm[i])];
    result.strides[i] = view.strides[static_cast<std::size_t>(perm[i])];
  }
  return result;
}

}  // namespace

bool transpose_weights(onnx::Model& model, const PassContext&) {
  Readers readers(model);
  const std::unordered_set<onnx::ValueId> outputs(model.graph.outputs.begin(), model.graph.outputs.end());
  bool changed = false;
  for (onnx::Initializer& initializer : model.initializers) {
    const std::vector<onnx::Node*> transposes = readers.of[initializer.value];
    const auto perm = common_permutation(transposes);
    if (!perm || initializer.data.storage == nullptr || outputs.contains(initializer.value)) continue;
    const auto is_output = [&](const onnx::Node* transpose) { return outputs.contains(transpose->outputs.front()); };
    if (std::any_of(transposes.begin(), transposes.end(), is_output)) continue;
    initializer.data = permuted(initializer.data, *perm);
    onnx::Value& value = model.values[initializer.value];
    if (!value.name.empty()) {
      initializer.source = value.name;
      value.name += "_transposed";
    }
    value.shape = onnx::static_shape(initializer.data.sizes);
    for (onnx::Node* transpose : transposes) {
      readers.replace(transpose->outputs.front(), initializer.value);
      transpose->op_type.clear();
    }
    changed = true;
  }
  sweep(model);
  return changed;
}

}  // namespace modelexport::passes
