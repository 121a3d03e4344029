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
    const std::string* scopes = find_metadata(node.metadata, kNameScopesKey);
    const std::string* hierarchy = find_metadata(node.metadata, kClassHierarchyKey);
    if (scopes == nullptr || hierarchy == nullptr) return;
    // Nodes of one module differ in the last entry only.
    if (!seen.insert(std::string_view(*scopes).substr(0, scopes->rfind(", "))).second) return;
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
  // A path sorts after those around it, but "layer.10" before "layer.2": order by first appearance among siblings.
  std::vector<OutlineEntry> entries;
  std::unordered_map<std::string_view, std::size_t> index;
  std::stable_sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return std::count(a.begin(), a.end(), '.') < std::count(b.begin(), b.end(), '.');
  });
  for (const std::string& path : paths) {
    if (!index.emplace(path, entries.size()).second) continue;
    OutlineEntry& entry = entries.emplace_back();
    entry.path = path;
    entry.class_name = classes[path];
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
