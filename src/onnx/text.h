// Models as text, for people and tests:
//
//   graph main(%x: float32[batch, 2]):
//     %w: float32[2, 3] = constant
//     %axes: int64[1] = constant [1]
//     %y: float32[batch, 3] = MatMul(%x, %w)
//     %z = If(%c) <then_branch = graph then():
//       %a = Relu(%y)
//       return %a
//     >
//     return %y, %z
//
// Omitted inputs are "_". The elements of small constants are shown.
#pragma once

#include <string>

#include "onnx/model.h"

namespace modelexport::onnx {

[[nodiscard]] std::string print(const Model& model);
[[nodiscard]] std::string print(const Model& model, const Node& node);
[[nodiscard]] std::string print(const Value& value);

}  // namespace modelexport::onnx
