// A .pt2 file of torch.export.save to ONNX: what can be asked for, and what happened.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "modelexport/stages.h"

namespace modelexport {

// Which keys are written to nodes. Full: every key; Minimal: this project's own; None: the sidecar is the only record.
enum class MetadataLevel { Full, Minimal, None };

struct ExportOptions {
  int64_t opset = 20;
  bool fold_constants = true;
  bool optimize = false;  // fold BatchNormalization into convolutions, fuse across modules (provenance merged)
  MetadataLevel metadata = MetadataLevel::Full;
  bool external_data = false;                          // forced; above 2 GB it is used anyway
  bool link_weights = false;                           // weights stay in the mapped files that they lie in
  bool export_params = true;                           // false: parameters become inputs of the model
  bool keep_initializers_as_inputs = false;            // parameters are listed as inputs too, as their defaults
  bool buffer_outputs = false;                         // new values of mutated buffers as extra outputs
  bool custom_ops_keep = false;                        // unknown operators become nodes of their own domain
  bool durable = false;                                // wait until the files are on the disk
  std::vector<std::string> input_names;                // of user inputs; empty: as captured
  std::vector<std::string> output_names;               // empty: the output structure's keys
  std::string strategy = "htp_builtin";                // as the sidecar says
  bool require_context = false;                        // a call that cannot inherit a scope is an error, not the root's
  bool explain = false;                                // fill in ExportReport::decisions
  std::function<void(const std::string&)> on_stage{};  // told the name of each stage as it begins
};

// What happened: counts (docs/tags.md) and times.
struct ExportReport {
  uint64_t total_operations = 0;
  uint64_t tagged_operations = 0;
  uint64_t operation_trace_length = 0;
  uint64_t native_op_regions = 0;
  uint64_t unrecorded_operations = 0;  // nodes whose ATen call has no module record
  uint64_t merged_operations = 0;
  uint64_t inherited_operations = 0;
  uint64_t fallback_operations = 0;
  uint64_t auxiliary_operations = 0;
  uint64_t tagged_auxiliary = 0;
  uint64_t inherited_auxiliary = 0;
  uint64_t fallback_auxiliary = 0;
  std::map<std::string, uint64_t> auxiliary_types;
  std::vector<std::string> mutated;    // buffers and inputs that the model writes
  std::vector<std::string> decisions;  // one line for each auxiliary operation: its tag, and why
  uint64_t file_bytes = 0;             // of the model and its external data
  uint64_t linked_bytes = 0;           // of weights that stay in other files
  // "inheritance", "fallback", "functionalize", "lower", "passes", "tag", "write"
  Stages stages;
};

// Reads the program that torch.export.save wrote to `source`, and writes `target` and `<stem>_hierarchy.json` beside
// it, both or neither. Neither Python nor torch takes part. Throws Error; nothing is left that was not there before.
ExportReport export_program(const std::string& source, const std::string& target, const ExportOptions& options = {});

// Of this library: "0.1.0".
[[nodiscard]] std::string_view version();

}  // namespace modelexport
