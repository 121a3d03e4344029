// What a node computes, as a text to compare.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

// Nodes with equal keys compute equal values. `inputs` stand for the node's own. Empty for what is not compared: random
// numbers, operators that are not ONNX's own, nodes with bodies or tensors as attributes.
[[nodiscard]] std::string computation_key(const Node& node, const std::vector<ValueId>& inputs);

}  // namespace modelexport::onnx
