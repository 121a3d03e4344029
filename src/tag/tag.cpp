#include "tag/tag.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "support/in_bulk.h"
#include "support/memory_limit.h"
#include "tag/python_list.h"
#include "tag/records.h"
#include "tag/role.h"
#include "tag/scope_text.h"

namespace modelexport::tag {
namespace {

// Gives each node a name of its own: "/l/MatMul", "/l/MatMul_1", ...
class NodeNames {
 public:
  // `keep`: the first node of each name keeps it.
  NodeNames(const onnx::Model& model, bool keep) {
    next_.reserve(model.graph.nodes.size());
    if (!keep) return;
    for_each_node_of(model, [&](const onnx::Node& node) {
      if (!node.name.empty() && next_.emplace(node.name, 1).second) kept_.insert(&node);
    });
  }

  void name(onnx::Node& node, const std::string& prefix) {
    if (kept_.contains(&node)) return;
    node.name = prefix + node.op_type;
    const auto [first, is_new] = next_.emplace(node.name, 1);
    if (is_new) return;
    // A module or operator may itself be called "MatMul_1".
    uint32_t& repeat = first->second;
    const std::string base = std::move(node.name);
    do {
      node.name = fmt::format("{}_{}", base, repeat++);
    } while (!next_.emplace(node.name, 1).second);
  }

 private:
  // Name taken, where it stands -> its next repeat.
  InBulk<std::pmr::unordered_map<std::string_view, uint32_t>> next_;
  std::unordered_set<const onnx::Node*> kept_;
};

constexpr const char* kOwnKeys[] = {kTagKey, kModuleKey, kCallKey, kProvenanceKey, kSourcesKey, kRoleKey, kOpKey};
constexpr const char* kCompatibilityKeys[] = {kNamespaceKey, kNameScopesKey, kClassHierarchyKey, kWinmlTagKey,
                                              kWinmlDepthKey};

bool is_one_of(std::string_view key, std::span<const char* const> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// All but what an earlier tagging wrote, and what this one writes anew.
void add_other_keys(onnx::Metadata& metadata, const onnx::Node& node, MetadataLevel level) {
  for (const auto& [key, value] : node.metadata) {
    const bool is_own =
        is_one_of(key, kOwnKeys) || (level == MetadataLevel::Full && is_one_of(key, kCompatibilityKeys));
    if (!is_own) metadata.add(key, value);
  }
}

// Sources of a merged node, as module calls.
std::string print_sources(const onnx::Node& node, const ModuleTree& modules) {
  std::vector<std::string> names;
  for (const ScopeId source : node.sources) {
    if (source < modules.size()) names.push_back(call_name(modules[source]));
  }
  return print_python_list(names);
}

void add_own_keys(onnx::Metadata& metadata, const onnx::Node& node, const ModuleTree& modules, const std::string& tag) {
  const ModuleCall& call = modules[node.scope];
  metadata.add(kTagKey, tag);
  metadata.add(kModuleKey, call.path);
  if (call.call != 0) metadata.add(kCallKey, std::to_string(call.call));
  if (node.provenance != Provenance::Exact) metadata.add(kProvenanceKey, name_of(node.provenance));
  if (!node.sources.empty()) metadata.add(kSourcesKey, print_sources(node, modules));
  if (node.role == onnx::Role::Auxiliary) metadata.add(kRoleKey, "auxiliary");
  if (!node.origin.empty()) metadata.add(kOpKey, node.origin);
}

// Other tools drop the last entry of torch's two lists: the operation.
void add_compatibility_keys(onnx::Metadata& metadata, const onnx::Node& node, const ScopeText& scope) {
  const std::string operation = node.name.substr(node.name.rfind('/') + 1);
  const std::string& target = node.origin.empty() ? node.op_type : node.origin;
  if (!scope.groups.empty()) metadata.add(kNamespaceKey, scope.groups);
  metadata.add(kNameScopesKey, fmt::format("{}, {}]", scope.name_scopes, python_repr(operation)));
  metadata.add(kClassHierarchyKey, fmt::format("{}, {}]", scope.class_hierarchy, python_repr(target)));
  metadata.add(kWinmlTagKey, scope.tag_no_nn);
  metadata.add(kWinmlDepthKey, std::to_string(scope.depth_no_nn));
}

void count(TagSummary& summary, const onnx::Node& node) {
  const bool inherited = node.provenance == Provenance::Inherited;
  const bool fallback = node.provenance == Provenance::Fallback;
  ++summary.operations;
  summary.merged += node.provenance == Provenance::Merged ? 1 : 0;
  summary.inherited += inherited ? 1 : 0;
  summary.fallback += fallback ? 1 : 0;
  if (node.role != onnx::Role::Auxiliary) return;
  ++summary.auxiliary;
  ++summary.auxiliary_types[node.op_type];
  summary.inherited_auxiliary += inherited ? 1 : 0;
  summary.fallback_auxiliary += fallback ? 1 : 0;
}

}  // namespace

TagSummary tag_model(onnx::Model& model, const ModuleTree& modules, const TagOptions& options) {
  const std::vector<ScopeText> scopes = describe_scopes(modules);
  TagSummary summary;
  for (const ScopeText& scope : scopes) {
    summary.scope_tags.push_back(options.include_torch_nn ? scope.tag : scope.tag_no_nn);
  }
  assign_roles(model);
  NodeNames names(model, options.keep_names);
  onnx::Metadata metadata;  // of the node being looked at; each keeps as much memory as it needs
  for_each_node_of(model, [&](onnx::Node& node) {
    check_memory();
    count(summary, node);
    metadata.clear();
    add_other_keys(metadata, node, options.metadata);
    if (node.scope < modules.size()) {
      const ScopeText& scope = scopes[node.scope];
      names.name(node, scope.name_prefix);
      if (options.metadata != MetadataLevel::None) {
        add_own_keys(metadata, node, modules, summary.scope_tags[node.scope]);
      }
      if (options.metadata == MetadataLevel::Full) add_compatibility_keys(metadata, node, scope);
    }
    node.metadata = metadata;
  });
  return summary;
}

}  // namespace modelexport::tag
