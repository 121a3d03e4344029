// A weight that every reader wants in another shape, one value a channel for example, is written in that shape.
#include <algorithm>

#include "passes/pass.h"
#include "passes/uses.h"
#include "passes/weight_views.h"

namespace modelexport::passes {

bool reshape_weights(onnx::Model& model, const PassContext&) {
  const auto reshaped = [&](const onnx::Node& reader, const onnx::Initializer& weight) -> std::optional<TensorView> {
    const bool reshapes = is(reader, "Reshape") || is(reader, "Unsqueeze") || is(reader, "Squeeze");
    if (!reshapes || reader.inputs[0] != weight.value || !weight.data.is_contiguous()) return std::nullopt;
    const auto& shape = model.values[reader.outputs[0]].shape;
    const auto is_static = [](const onnx::Dim& dim) { return dim.is_static(); };
    if (!shape || !std::all_of(shape->begin(), shape->end(), is_static)) return std::nullopt;
    TensorView view = weight.data;
    view.sizes.clear();
    for (const onnx::Dim& dim : *shape) view.sizes.push_back(dim.value);
    view.strides = contiguous_strides(view.sizes);
    return view;
  };
  return view_weights(model, "_reshaped", reshaped);
}

}  // namespace modelexport::passes
