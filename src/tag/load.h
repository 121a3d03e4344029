// Tags of a model from wherever its files hold them. Weights are never read.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"
#include "support/json.h"
#include "tag/analysis.h"
#include "tag/records.h"
#include "tag/sidecar.h"

namespace modelexport::tag {

// Auto: the ONNX metadata, or the sidecar beside the file when it has none.
enum class TagSource { Auto, Onnx, Sidecar };

// `path` is an ONNX file or, for Auto and Sidecar, a sidecar itself (*.json).
// Throws Error when there are no tags, and when the sidecar beside an ONNX file belongs to another model.
[[nodiscard]] std::vector<NodeRecord> load_tags(const std::string& path, TagSource source = TagSource::Auto);
// The same for an ONNX file that was read already.
[[nodiscard]] std::vector<NodeRecord> load_tags(const std::string& path, const onnx::Model& model, TagSource source);

// Auto, where a file without any tags has nodes without them.
[[nodiscard]] std::vector<NodeRecord> load_known_tags(const std::string& path, const onnx::Model& model);

// The sidecar of `path`: the one beside it, or itself when it is one.
[[nodiscard]] Sidecar load_sidecar(const std::string& path);

// The same as JSON, checked to be a sidecar, and that of the model where `path` is one that exists.
[[nodiscard]] json::Value read_sidecar_json(const std::string& path);

// What an ONNX file and its sidecar say, compared; `sidecar` is empty for the one beside it.
[[nodiscard]] Consistency validate_file(const std::string& path, const std::string& sidecar);

// The ONNX file, its external data left alone.
[[nodiscard]] onnx::Model load_onnx(const std::string& path);

}  // namespace modelexport::tag
