// Types and shapes of a node's results from those of its inputs, for the operators that lowering emits.
//
// The driver refines results with what torch recorded; this covers the values in between.
#pragma once

#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

struct InferredType {
  DType dtype = DType::Undefined;
  std::optional<Shape> shape;
};

// One entry an output of `node`. Unknown operators: the first input's type, shape unknown.
[[nodiscard]] std::vector<InferredType> infer_types(const Model& model, const Node& node);

// Sizes of numpy broadcasting; a dimension that cannot be known is unknown.
[[nodiscard]] Shape broadcast_shapes(const Shape& a, const Shape& b);

}  // namespace modelexport::onnx
