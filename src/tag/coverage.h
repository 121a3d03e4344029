// The promise that every node has a tag, checked on what will be written.
#pragma once

#include <cstdint>

#include "onnx/model.h"
#include "tag/tag.h"

namespace modelexport::tag {

// The number of tagged nodes, which is all of them. With MetadataLevel::None the tags are the sidecar's.
// Throws Error(Coverage) naming the first nodes that have no tag or no name of their own.
uint64_t check_coverage(const onnx::Model& model, const TagSummary& summary, MetadataLevel level);

}  // namespace modelexport::tag
