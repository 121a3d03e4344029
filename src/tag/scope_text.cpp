#include "tag/scope_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "tag/python_list.h"

namespace modelexport::tag {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The part of `path` below `parent`, or all of it when it does not lie below.
std::string_view below(std::string_view path, std::string_view parent) {
  if (parent.empty() || !path.starts_with(parent) || path.size() <= parent.size() || path[parent.size()] != '.') {
    return path;
  }
  return path.substr(parent.size() + 1);
}

// ".0.1" of "blocks.0.1", "" of "blocks".
std::string_view trailing_numbers(std::string_view path) {
  std::size_t begin = path.size();
  while (begin > 0) {
    const std::size_t dot = path.rfind('.', begin - 1);
    const std::size_t first = dot == std::string_view::npos ? 0 : dot + 1;
    if (!is_number(path.substr(first, begin - first))) break;
    if (first == 0) return path;
    begin = dot;
  }
  return path.substr(begin);
}

ScopeText describe_root(const ModuleCall& root) {
  ScopeText text;
  text.tag = "/" + tag_component(root.path, "", root.qualified_class);
  text.tag_no_nn = text.tag;
  text.depth_no_nn = 1;
  text.name_prefix = name_prefix(root.path);
  text.name_scopes = "[" + python_repr(root.path);
  text.class_hierarchy = "[" + python_repr(root.qualified_class);
  return text;
}

ScopeText describe_child(const ModuleCall& call, const ModuleCall& parent, const ScopeText& outer) {
  ScopeText text;
  const std::string component = "/" + tag_component(call.path, parent.path, call.qualified_class);
  const bool hidden = is_torch_nn(call.qualified_class);
  text.tag = outer.tag + component;
  text.tag_no_nn = hidden ? outer.tag_no_nn : outer.tag_no_nn + component;
  text.depth_no_nn = outer.depth_no_nn + (hidden ? 0 : 1);
  text.name_prefix = name_prefix(call.path);
  text.groups = fmt::format("{}{}{}: {}", outer.groups, outer.groups.empty() ? "" : "/", call.path,
                            class_name(call.qualified_class));
  text.name_scopes = outer.name_scopes + ", " + python_repr(call.path);
  text.class_hierarchy = outer.class_hierarchy + ", " + python_repr(call.qualified_class);
  return text;
}

}  // namespace

std::vector<ScopeText> describe_scopes(const ModuleTree& modules) {
  std::vector<ScopeText> texts;
  texts.reserve(modules.size());
  texts.push_back(describe_root(modules[kRootScope]));
  for (ScopeId scope = 1; scope < modules.size(); ++scope) {
    const ModuleCall& call = modules[scope];
    texts.push_back(describe_child(call, modules[call.parent], texts[call.parent]));
  }
  return texts;
}

std::string name_prefix(std::string_view path) {
  std::string prefix = "/";
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (is_number(part) && prefix.size() > 1) prefix.back() = '.';
    prefix += part;
    prefix += '/';
  }
  return prefix;
}

std::string tag_component(std::string_view path, std::string_view parent_path, std::string_view qualified_class) {
  const std::string_view relative = below(path, parent_path);
  const std::string_view numbers = trailing_numbers(relative);
  std::string_view name = class_name(qualified_class);
  if (name.empty()) name = relative.substr(0, relative.size() - numbers.size());
  name.remove_prefix(name.rfind('.') + 1);
  const bool needs_dot = !numbers.empty() && numbers.front() != '.';
  return fmt::format("{}{}{}", name.empty() ? "Module" : name, needs_dot ? "." : "", numbers);
}

bool is_torch_nn(std::string_view qualified_class) { return qualified_class.starts_with("torch.nn."); }

std::string call_name(const ModuleCall& call) {
  return call.call == 0 ? call.path : fmt::format("{}@{}", call.path, call.call);
}

}  // namespace modelexport::tag
