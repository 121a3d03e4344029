// The sidecar `<stem>_hierarchy.json`: every node's tag and the module tree, beside the model (docs/sidecar.md).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/model.h"
#include "scope/module_tree.h"
#include "tag/records.h"
#include "tag/tag.h"

namespace modelexport::tag {

inline constexpr std::string_view kSidecarFormat = "modelexport-hierarchy";
inline constexpr std::string_view kSidecarVersion = "1.0";

// What a sidecar says beside what the model and its modules say.
struct SidecarInfo {
  std::string model_path;    // its file name is written
  std::string generated_at;  // empty: now
  std::string strategy;
  std::string capture;                   // what captured the program; may be empty
  std::vector<std::string> specialised;  // where the capture followed the example's data
  uint64_t operation_trace_length = 0;
  uint64_t native_op_regions = 0;
  bool builtin_tracking_enabled = true;
};

struct ModuleRecord {
  std::string path;
  std::string class_name;
  std::string qualified_class;
  uint64_t parameters = 0;  // elements of its own parameters
  uint64_t calls = 0;
  std::vector<std::string> children;  // paths
};

struct Sidecar {
  SidecarInfo info;
  std::string exporter_version;
  ModelIdentity model;
  std::vector<NodeRecord> nodes;  // in file order
  std::vector<ModuleRecord> modules;
};

// "dir/bert_hierarchy.json" of "dir/bert.onnx".
[[nodiscard]] std::string sidecar_path(const std::string& model_path);
// "2026-08-01T12:00:00Z", of now.
[[nodiscard]] std::string utc_now();

// Writes the sidecar of a tagged model. The same model gives the same bytes, but for generated_at.
void write_sidecar(std::ostream& out, const onnx::Model& model, const ModuleTree& modules, const TagSummary& summary,
                   const SidecarInfo& info);

// Throws Error saying what is missing or wrong and at which key.
[[nodiscard]] Sidecar parse_sidecar(std::string_view text);
[[nodiscard]] Sidecar read_sidecar(const std::string& path);
[[nodiscard]] std::string read_sidecar_text(const std::string& path);
// Throws Error when `sidecar` was written for another model than the one with `identity`.
void check_belongs(const Sidecar& sidecar, const ModelIdentity& identity);

}  // namespace modelexport::tag
