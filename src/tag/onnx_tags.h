// Tags as an ONNX file holds them: read back from metadata_props.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"
#include "tag/records.h"

namespace modelexport::tag {

// One record for every node of every graph and local function; the tag is empty where the file has none.
// Throws Error naming the node whose metadata makes no sense.
[[nodiscard]] std::vector<NodeRecord> records_of(const onnx::Model& model);

}  // namespace modelexport::tag
