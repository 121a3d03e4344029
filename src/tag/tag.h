// Turns scopes into what is written of them: node names, roles, and metadata_props (docs/tags.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "modelexport/export.h"
#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

// Keys of metadata_props that this project writes and reads.
inline constexpr const char* kTagKey = "modelexport.tag";
inline constexpr const char* kModuleKey = "modelexport.module";
inline constexpr const char* kCallKey = "modelexport.call";
inline constexpr const char* kProvenanceKey = "modelexport.provenance";
inline constexpr const char* kSourcesKey = "modelexport.sources";
inline constexpr const char* kRoleKey = "modelexport.role";
inline constexpr const char* kOpKey = "modelexport.op";
// Keys that other tools read.
inline constexpr const char* kNamespaceKey = "namespace";
inline constexpr const char* kNameScopesKey = "pkg.torch.onnx.name_scopes";
inline constexpr const char* kClassHierarchyKey = "pkg.torch.onnx.class_hierarchy";
inline constexpr const char* kWinmlTagKey = "winml.hierarchy.tag";
inline constexpr const char* kWinmlDepthKey = "winml.hierarchy.depth";

struct TagOptions {
  MetadataLevel metadata = MetadataLevel::Full;
  // False: the hierarchy tag leaves out modules of torch.nn, except the root.
  bool include_torch_nn = true;
  // Nodes keep the names that they have; only those without a name of their own get one.
  bool keep_names = false;
};

// Counts over the nodes of all graphs.
struct TagSummary {
  uint64_t operations = 0;
  uint64_t merged = 0;
  uint64_t inherited = 0;
  uint64_t fallback = 0;
  uint64_t auxiliary = 0;
  uint64_t inherited_auxiliary = 0;
  uint64_t fallback_auxiliary = 0;
  std::map<std::string, uint64_t> auxiliary_types;  // op type -> auxiliary nodes
  std::vector<std::string> scope_tags;              // the hierarchy tag of each ScopeId
};

// Gives every node of every graph its unique name, role and metadata. A node whose scope is not in `modules` is
// left without a tag, for check_coverage() to name.
TagSummary tag_model(onnx::Model& model, const ModuleTree& modules, const TagOptions& options = {});

}  // namespace modelexport::tag
