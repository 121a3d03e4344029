// Tags for ONNX files that exist already: project them from what a file holds, or carry them from a tagged file.
#pragma once

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
};

struct ProjectReport {
  ProjectionCounts counts;
  TagSummary summary;
};
struct CarryReport {
  CarryCounts counts;
  TagSummary summary;
};

// Throws Error, and writes nothing then.
ProjectReport tag_file(const std::string& input, std::vector<ModuleInfo> modules, const RetagOptions& options);
CarryReport carry_file(const std::string& tagged, const std::string& optimised, const RetagOptions& options);

// Modules listed in JSON: a sidecar, or an object of path to class name or of path to {"class", "parameters"}.
[[nodiscard]] std::vector<ModuleInfo> read_module_list(const std::string& path);

}  // namespace modelexport::tag
