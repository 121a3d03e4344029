#include "tag/outline.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "scope/module_tree.h"
#include "tag/analysis.h"
#include "tag/onnx_tags.h"
#include "tag/python_list.h"
#include "tag/tag.h"

namespace modelexport::tag {
namespace {

using Classes = std::unordered_map<std::string, std::string>;

// Modules that own no node are known from torch's lists only.
void add_listed_classes(const onnx::Model& model, Classes& classes, std::vector<std::string>& paths) {
  std::unordered_set<std::string_view> seen;
  for_each_placed_node(model, [&](const onnx::Node& node, const std::string&) {
    const auto scopes = node.metadata.find(kNameScopesKey);
    const auto hierarchy = node.metadata.find(kClassHierarchyKey);
    if (!scopes || !hierarchy) return;
    // Nodes of one module differ in the last entry only.
    if (!seen.insert(scopes->substr(0, scopes->rfind(", "))).second) return;
    const auto names = parse_python_list(*scopes);
    const auto types = parse_python_list(*hierarchy);
    if (!names || !types || names->size() != types->size()) return;
    for (std::size_t i = 0; i + 1 < names->size(); ++i) {
      if (classes.emplace((*names)[i], class_name((*types)[i])).second) paths.push_back((*names)[i]);
    }
  });
}

std::string_view enclosing_path(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::size_t depth_of(std::string_view path) {
  return path.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(path.begin(), path.end(), '.'));
}

}  // namespace

std::vector<OutlineEntry> outline(const onnx::Model& model, const std::vector<NodeRecord>& nodes) {
  Classes classes;
  std::vector<std::string> paths = {""};
  add_listed_classes(model, classes, paths);
  std::map<std::string_view, uint64_t> own;
  std::map<std::string_view, uint32_t> calls;
  for (const NodeRecord& node : nodes) {
    if (classes.emplace(node.module, innermost_class(node.tag)).second) paths.push_back(node.module);
    ++own[node.module];
    calls[node.module] = std::max(calls[node.module], node.call + 1);
  }
  // Outer modules first; among siblings the one whose nodes come first.
  std::unordered_map<std::string_view, std::size_t> first;
  for (const std::string& path : paths) {
    for (std::string_view around = path;; around = enclosing_path(around)) {
      if (!first.emplace(around, first.size()).second || around.empty()) break;
    }
  }
  std::vector<std::string_view> ordered(paths.begin(), paths.end());
  std::sort(ordered.begin(), ordered.end(), [&](std::string_view a, std::string_view b) {
    return std::pair(depth_of(a), first.at(a)) < std::pair(depth_of(b), first.at(b));
  });
  std::vector<OutlineEntry> entries;
  std::unordered_map<std::string_view, std::size_t> index;
  for (const std::string_view path : ordered) {
    if (!index.emplace(path, entries.size()).second) continue;
    OutlineEntry& entry = entries.emplace_back();
    entry.path = path;
    entry.class_name = classes[entry.path];
    entry.own_nodes = own[path];
    entry.calls = std::max(1U, calls[path]);
    if (path.empty()) continue;
    std::string_view around = enclosing_path(path);
    while (!index.contains(around)) around = enclosing_path(around);
    entry.parent = index.at(around);
    entries[entry.parent].children.push_back(entries.size() - 1);
  }
  for (std::size_t i = entries.size(); i-- > 0;) {
    entries[i].nodes += entries[i].own_nodes;
    if (i != 0) entries[entries[i].parent].nodes += entries[i].nodes;
  }
  return entries;
}

}  // namespace modelexport::tag
