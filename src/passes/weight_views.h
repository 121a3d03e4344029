// Weights that are written as all their readers want them: another view of the same bytes, which the writer streams.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "onnx/model.h"
#include "support/tensor_view.h"

namespace modelexport::passes {

// The view of `weight` that `reader` makes, if it only makes one.
using ViewOf = std::function<std::optional<TensorView>(const onnx::Node& reader, const onnx::Initializer& weight)>;

// Takes the readers of a weight away when all make the same view of it; its name then ends in `suffix`. A tied weight
// that is also read as it is keeps them, so that it is written once. Returns whether there was any.
bool view_weights(onnx::Model& model, std::string_view suffix, const ViewOf& view_of);

}  // namespace modelexport::passes
