#include "tag/restore.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tag/analysis.h"
#include "tag/onnx_tags.h"
#include "tag/python_list.h"
#include "tag/scope_text.h"
#include "tag/tag.h"

namespace modelexport::tag {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Modules that have no forward: they hold others, and are never on a stack.
bool is_mere_container(std::string_view qualified_class) {
  static constexpr std::string_view kContainers[] = {"ModuleList", "ModuleDict", "ParameterList", "ParameterDict"};
  return is_torch_nn(qualified_class) && std::find(std::begin(kContainers), std::end(kContainers),
                                                   class_name(qualified_class)) != std::end(kContainers);
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The paths around `path`, itself first, without the root: "a.0.b", "a.0", "a".
std::vector<std::string_view> paths_up(std::string_view path) {
  std::vector<std::string_view> paths;
  while (!path.empty()) {
    paths.push_back(path);
    const std::size_t dot = path.rfind('.');
    path = dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
  }
  return paths;
}

// Whether a tag's component can be the module at `path`: same class where that is known, same list index.
bool fits(std::string_view component, std::string_view path, const TreeBuilder& tree) {
  const std::string qualified_class = tree.class_of(path);
  const std::size_t dot = component.find('.');
  if (!qualified_class.empty() && class_name(qualified_class) != component.substr(0, dot)) return false;
  const std::string_view last = path.substr(path.rfind('.') + 1);
  if (dot == std::string_view::npos) return !is_number(last);
  return path.ends_with(component.substr(dot + 1));
}

// The stack that a tag and a path describe together. A module between the two ends is taken for the innermost one
// that fits; what fits nowhere is left out.
std::vector<TreeBuilder::Entry> stack_of(const NodeRecord& record, const TreeBuilder& tree) {
  const std::vector<std::string_view> components = split(std::string_view(record.tag).substr(1), '/');
  const auto entry = [&](std::string_view path, std::string_view component, uint32_t call) {
    std::string qualified_class = tree.class_of(path);
    if (qualified_class.empty()) qualified_class = component.substr(0, component.find('.'));
    return TreeBuilder::Entry{std::string(path), std::move(qualified_class), call};
  };
  std::vector<TreeBuilder::Entry> stack = {entry(record.module, components.back(), record.call)};
  std::vector<std::string_view> around = paths_up(record.module);
  if (!around.empty()) around.erase(around.begin());
  auto next = around.begin();
  for (std::size_t i = components.size() - 1; i-- > 1;) {
    const auto found = std::find_if(next, around.end(), [&](auto path) { return fits(components[i], path, tree); });
    if (found == around.end()) continue;
    stack.push_back(entry(*found, components[i], 0));
    next = found + 1;
  }
  if (!record.module.empty()) stack.push_back(entry("", components.front(), 0));
  std::reverse(stack.begin(), stack.end());
  return stack;
}

// "encoder.layer.0@1" -> the path and the call index.
std::pair<std::string_view, uint32_t> split_call(std::string_view name) {
  const std::size_t at = name.rfind('@');
  uint32_t call = 0;
  if (at == std::string_view::npos) return {name, 0};
  const char* end = name.data() + name.size();
  if (std::from_chars(name.data() + at + 1, end, call).ptr != end) return {name, 0};
  return {name.substr(0, at), call};
}

struct TorchLists {
  std::vector<std::string> paths;
  std::vector<std::string> classes;
};

// Torch's exporter and the graph builders of its family write the same lists under their own prefixes.
std::optional<TorchLists> torch_lists(const onnx::Node& node) {
  for (const std::string prefix : {"pkg.torch.onnx.", "pkg.onnxscript."}) {
    const auto names = node.metadata.find(prefix + "name_scopes");
    const auto classes = node.metadata.find(prefix + "class_hierarchy");
    if (!names || !classes) continue;
    std::optional<std::vector<std::string>> paths = parse_python_list(*names);
    std::optional<std::vector<std::string>> types = parse_python_list(*classes);
    if (paths && types && paths->size() == types->size() && !paths->empty()) {
      return TorchLists{std::move(*paths), std::move(*types)};
    }
  }
  return std::nullopt;
}

}  // namespace

TreeBuilder::TreeBuilder(std::vector<ModuleInfo> modules) {
  for (const ModuleInfo& module : modules) classes_.emplace(module.path, module.qualified_class);
  tree_.set_root_class(class_of(""));
  by_path_.emplace("", kRootScope);
  tree_.modules = std::move(modules);
}

ScopeId TreeBuilder::enter(const std::vector<Entry>& stack) {
  ScopeId scope = kRootScope;
  for (const Entry& entry : stack) {
    learn(entry.path, entry.qualified_class);
    if (entry.path.empty()) continue;
    scope = tree_.enter(scope, entry.path, class_of(entry.path), entry.call);
    by_path_.try_emplace(entry.path, scope);
  }
  return scope;
}

ScopeId TreeBuilder::enter_path(std::string_view path, uint32_t call) {
  const auto found = by_path_.find(std::string(path));
  if (call == 0 && found != by_path_.end()) return found->second;
  // Inside the call that the first one was made in, or what its path says.
  std::vector<Entry> stack;
  if (found != by_path_.end()) {
    for (const ScopeId scope : tree_.chain(found->second)) stack.push_back({tree_[scope].path, "", tree_[scope].call});
    stack.back().call = call;
    return enter(stack);
  }
  std::vector<std::string_view> paths = paths_up(path);
  std::reverse(paths.begin(), paths.end());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool is_last = i + 1 == paths.size();
    const std::string qualified_class = class_of(paths[i]);
    // Nobody knows the class of a list's holder: a list that is never called is by far the more common.
    const bool holds_numbers = !is_last && is_number(paths[i + 1].substr(paths[i].size() + 1));
    if (!is_last && (is_mere_container(qualified_class) || (qualified_class.empty() && holds_numbers))) continue;
    stack.push_back({std::string(paths[i]), qualified_class, is_last ? call : 0});
  }
  return enter(stack);
}

void TreeBuilder::learn(const std::string& path, const std::string& qualified_class) {
  std::string& known = classes_[path];
  if (!known.empty()) return;
  known = qualified_class;
  if (path.empty()) tree_.set_root_class(qualified_class);
}

std::string TreeBuilder::class_of(std::string_view path) const {
  const auto found = classes_.find(std::string(path));
  return found == classes_.end() ? std::string() : found->second;
}

std::vector<TreeBuilder::Entry> torch_stack(const onnx::Node& node) {
  std::vector<TreeBuilder::Entry> stack;
  if (const std::optional<TorchLists> lists = torch_lists(node)) {
    for (std::size_t i = 0; i + 1 < lists->paths.size(); ++i) stack.push_back({lists->paths[i], lists->classes[i], 0});
  }
  return stack;
}

std::string torch_origin(const onnx::Node& node) {
  const std::optional<TorchLists> lists = torch_lists(node);
  // "aten.linear.default", but also "<built-in function add>" for operators of Python.
  return lists && lists->classes.back().starts_with("aten.") ? lists->classes.back() : std::string();
}

void restore_scopes(Flow& flow, const std::vector<NodeRecord>& records, TreeBuilder& tree, std::vector<bool>& known) {
  // Innermost classes first, so that stacks find the classes of the modules between.
  std::vector<std::size_t> tagged;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::string& tag = records[i].tag;
    if (tag.size() < 2 || tag.front() != '/') continue;
    tagged.push_back(i);
    for (const TreeBuilder::Entry& entry : torch_stack(*flow.nodes[i])) tree.learn(entry.path, entry.qualified_class);
    tree.learn(records[i].module, innermost_class(tag));
  }
  std::vector<ScopeId> scopes(records.size());
  for (const std::size_t i : tagged) {
    std::vector<TreeBuilder::Entry> stack = torch_stack(*flow.nodes[i]);
    if (stack.empty() || stack.back().path != records[i].module) stack = stack_of(records[i], tree);
    stack.back().call = records[i].call;
    scopes[i] = tree.enter(stack);
  }
  for (const std::size_t i : tagged) {
    onnx::Node& node = *flow.nodes[i];
    node.scope = scopes[i];
    node.provenance = records[i].provenance;
    node.role = records[i].role;
    node.origin = records[i].aten;
    node.sources.clear();
    for (const std::string& source : records[i].sources) {
      const auto [path, call] = split_call(source);
      node.sources.push_back(tree.enter_path(path, call));
    }
    known[i] = true;
  }
}

std::vector<ModuleInfo> module_list(const std::vector<ModuleRecord>& records) {
  std::vector<ModuleInfo> modules;
  modules.reserve(records.size());
  for (const ModuleRecord& record : records)
    modules.push_back({record.path, record.qualified_class, record.parameters});
  return modules;
}

}  // namespace modelexport::tag
