// Scopes of a model that carries tags already: the inverse of tag_model().
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"
#include "scope/module_tree.h"
#include "tag/flow.h"
#include "tag/records.h"
#include "tag/sidecar.h"

namespace modelexport::tag {

// A module tree under construction from stacks of (path, class), outermost first.
class TreeBuilder {
 public:
  // `modules` may be empty when nobody listed them.
  explicit TreeBuilder(std::vector<ModuleInfo> modules);

  struct Entry {
    std::string path;
    std::string qualified_class;
    uint32_t call = 0;
  };
  // Classes left empty are filled in from the list of modules. The root may be left out.
  ScopeId enter(const std::vector<Entry>& stack);
  // The scope of a call of `path` that is known by its path alone: inside the modules around it that can be called.
  ScopeId enter_path(std::string_view path, uint32_t call = 0);

  // Remembers a class that nobody said yet.
  void learn(const std::string& path, const std::string& qualified_class);
  // "" when nobody said.
  [[nodiscard]] std::string class_of(std::string_view path) const;
  [[nodiscard]] const ModuleTree& tree() const { return tree_; }
  [[nodiscard]] ModuleTree take() { return std::move(tree_); }

 private:
  ModuleTree tree_;
  std::unordered_map<std::string, std::string> classes_;
  std::unordered_map<std::string, ScopeId> by_path_;  // the first call of each path
};

// What torch's exporter recorded of a node in its two lists: the stack, without the operation.
[[nodiscard]] std::vector<TreeBuilder::Entry> torch_stack(const onnx::Node& node);
// The ATen overload that torch's lists name as the operation, else "".
[[nodiscard]] std::string torch_origin(const onnx::Node& node);

// Sets the scope, provenance, role, origin and sources of every node whose record has a tag, and marks it in `known`.
// `records` are those of records_of(), one a node, in order.
void restore_scopes(Flow& flow, const std::vector<NodeRecord>& records, TreeBuilder& tree, std::vector<bool>& known);

// The list of modules that a sidecar holds.
[[nodiscard]] std::vector<ModuleInfo> module_list(const std::vector<ModuleRecord>& records);

}  // namespace modelexport::tag
