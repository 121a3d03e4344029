// What can be said of tags once they are read: statistics, consistency, differences, tables.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "tag/records.h"

namespace modelexport::tag {

[[nodiscard]] bool has_tags(const std::vector<NodeRecord>& nodes);  // at least one

// Nodes of each tag; nodes without one are not counted.
[[nodiscard]] std::map<std::string, uint64_t> count_tags(const std::vector<NodeRecord>& nodes);

// Nodes of each value of a field, one of countable_fields(): "class" is that of the innermost module.
[[nodiscard]] const std::vector<std::string>& countable_fields();
[[nodiscard]] std::map<std::string, uint64_t> count_by(const std::vector<NodeRecord>& nodes, const std::string& field);

// "BertLayer" of "/BertModel/BertEncoder/BertLayer.0": the class of the innermost module.
[[nodiscard]] std::string innermost_class(const std::string& tag);

// Whether the two records of a model, its ONNX metadata and its sidecar, say the same.
struct Mismatch {
  std::string node;
  std::string field;  // "tag", "module", "call", "provenance", "role", "aten" or "op_type"
  std::string in_onnx;
  std::string in_sidecar;
};
struct Consistency {
  uint64_t nodes = 0;  // of the ONNX file
  std::vector<Mismatch> mismatches;
  std::vector<std::string> only_in_onnx;  // nodes, by name
  std::vector<std::string> only_in_sidecar;
  std::vector<std::string> repeated_in_onnx;  // names of more than one node
  // False when the file was written without metadata: then names and op types alone are compared.
  bool onnx_has_tags = false;
  // False when the sidecar was written for a model of other nodes.
  bool is_of_this_model = true;
  [[nodiscard]] bool consistent() const {
    return is_of_this_model && mismatches.empty() && only_in_onnx.empty() && only_in_sidecar.empty() &&
           repeated_in_onnx.empty();
  }
};
[[nodiscard]] Consistency compare_records(const std::vector<NodeRecord>& onnx, const std::vector<NodeRecord>& sidecar);

// A tag whose number of nodes differs between two models.
struct TagChange {
  std::string tag;
  uint64_t before = 0;
  uint64_t after = 0;
};
[[nodiscard]] std::vector<TagChange> diff_tags(const std::vector<NodeRecord>& before,
                                               const std::vector<NodeRecord>& after);

// One line a node, with a header (RFC 4180).
void write_csv(std::ostream& out, const std::vector<NodeRecord>& nodes);

}  // namespace modelexport::tag
