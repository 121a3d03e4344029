// Writes an ONNX file again with other node names and node metadata. Everything else is copied byte for byte, weights
// and what this project's model does not know included.
#pragma once

#include <string_view>

#include "onnx/model.h"
#include "support/output_file.h"

namespace modelexport::tag {

// `file` is the content of the ONNX file that `tagged` was read from; names and metadata are those of its nodes. The
// IR version is raised to the first that has node metadata. Throws Error when the two do not belong together.
void stamp_model(std::string_view file, const onnx::Model& tagged, OutputFile& out);

}  // namespace modelexport::tag
