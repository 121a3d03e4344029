// The module tree of an ONNX file with its node counts, as its node metadata shows it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnx/model.h"
#include "tag/records.h"

namespace modelexport::tag {

struct OutlineEntry {
  std::string path;
  std::string class_name;  // empty when the file does not say
  uint64_t own_nodes = 0;  // nodes of this module's own forward
  uint64_t nodes = 0;      // and of all modules below it
  uint32_t calls = 1;
  std::size_t parent = 0;             // index of the nearest module around it; the root's own
  std::vector<std::size_t> children;  // in order of first appearance
};

// The root comes first, and every module after the one around it. `nodes` are the model's records: its own, or its
// sidecar's when the file holds no tags.
[[nodiscard]] std::vector<OutlineEntry> outline(const onnx::Model& model, const std::vector<NodeRecord>& nodes);

}  // namespace modelexport::tag
