// Which nodes compute row by row: each row of the result, along the last axis, from the same row of their operands.
// Such nodes do not care how the axes in front are arranged.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "onnx/model.h"

namespace modelexport::passes {

// Whether the value can be seen as a matrix of rows and brought back: three axes or more, the last one of known size,
// at most one of the others unknown, and none empty.
[[nodiscard]] bool has_rows(const onnx::Model& model, onnx::ValueId id);
// The shape of that matrix.
[[nodiscard]] onnx::Shape rows_shape(const onnx::Shape& shape);

// A node that computes row by row: which of its inputs are read as rows; the others are the same for all rows.
struct RowWise {
  std::vector<std::size_t> inputs;
  bool only_moves = false;  // gives the rows back as they are, under another shape
};
[[nodiscard]] std::optional<RowWise> row_wise(const onnx::Model& model, const onnx::Node& node);

}  // namespace modelexport::passes
