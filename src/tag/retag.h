// Tags for ONNX files that exist already: project them from what a file holds, or carry them from a tagged file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scope/module_tree.h"
#include "tag/carry.h"
#include "tag/project.h"
#include "tag/tag.h"

namespace modelexport::tag {

struct RetagOptions {
  // Where the tagged file goes, with its sidecar beside it; may be the input itself. Both appear, or neither.
  std::string output;
  MetadataLevel metadata = MetadataLevel::Full;
  // False: every node is renamed after its module.
  bool keep_names = true;
  std::string strategy;  // as the sidecar says
  bool builtin_tracking = false;
  uint64_t operation_trace_length = 0;                 // as the sidecar says
  uint64_t native_op_regions = 0;                      // as the sidecar says
  Evidence evidence = Evidence::All;                   // what a projection may use
  bool require_context = false;                        // a node that cannot inherit a scope is an error, not the root's
  bool explain = false;                                // fill in ProjectReport::decisions
  std::function<void(const std::string&)> on_stage{};  // told the name of each stage as it begins
};

struct ProjectReport {
  ProjectionCounts counts;
  TagSummary summary;
  uint64_t regions = 0;                // module calls that own nodes
  std::vector<std::string> decisions;  // explain_auxiliary()
  Stages stages;                       // "read", "context", "inheritance", "fallback", "write"
};
struct CarryReport {
  CarryCounts counts;
  TagSummary summary;
};

// Throws Error, and writes nothing then.
ProjectReport tag_file(const std::string& input, std::vector<ModuleInfo> modules, const RetagOptions& options);
CarryReport carry_file(const std::string& tagged, const std::string& optimised, const RetagOptions& options);

// Makes a tagged file and its sidecar say the same: the file's tags are taken for true, a node that has none gets one
// from its neighbours, and the sidecar is written anew. The file itself is written only where its own names or tags
// change. Returns the paths that were written, none where the two agreed. Throws Error when the file has no tags and
// no sidecar of its own.
std::vector<std::string> repair_file(const std::string& path);

// Modules listed in JSON: a sidecar, or an object of path to class name or of path to {"class", "parameters"}.
[[nodiscard]] std::vector<ModuleInfo> read_module_list(const std::string& path);

}  // namespace modelexport::tag
