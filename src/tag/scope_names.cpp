#include "tag/scope_names.h"

#include <algorithm>

namespace modelexport::tag {
namespace {

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string join(const std::string& around, std::string_view component) {
  return around.empty() ? std::string(component) : around + "." + std::string(component);
}

std::string_view enclosing(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

}  // namespace

std::string_view without_repeat(std::string_view component) {
  const std::size_t digits = component.find_last_not_of("0123456789");
  const bool has_repeat =
      digits != std::string_view::npos && digits + 1 < component.size() && digits > 0 && component[digits] == '_';
  return has_repeat ? component.substr(0, digits) : component;
}

std::string_view scope_directory(std::string_view node_name) {
  const std::size_t slash = node_name.rfind('/');
  if (!node_name.starts_with('/') || slash == 0) return {};
  return node_name.substr(1, slash - 1);
}

ScopeNames::ScopeNames(const std::vector<std::string>& paths, bool is_complete) : is_complete_(is_complete) {
  std::unordered_set<std::string> placed;
  for (const std::string& path : paths) {
    if (!path.empty()) known_.insert(path);
    // Containers that nobody listed are there all the same.
    for (std::string_view part = path; !part.empty() && placed.emplace(part).second; part = enclosing(part)) {
      children_[std::string(enclosing(part))].emplace_back(part);
    }
  }
}

const ScopeNames::Place& ScopeNames::resolve(std::string_view directory) {
  const auto [found, is_new] = resolved_.try_emplace(std::string(directory));
  Place& place = found->second;
  if (!is_new) return place;
  std::string path;
  std::string_view previous;
  while (!directory.empty()) {
    const std::string_view component = directory.substr(0, directory.find('/'));
    directory.remove_prefix(std::min(component.size() + 1, directory.size()));
    path = find(path, previous, component);
    if (path.empty()) {
      place.is_whole = false;
      break;
    }
    place.stack.push_back(path);
    previous = knows(path) && last_name(path) == last_name(component) ? component : without_repeat(component);
  }
  return place;
}

std::string ScopeNames::find(const std::string& around, std::string_view previous, std::string_view component) const {
  // The whole component first: a module may well be called "conv_1".
  for (const std::string_view name : {component, without_repeat(component)}) {
    const bool repeats_holder = name.size() > previous.size() + 1 && !previous.empty() && name.starts_with(previous) &&
                                name[previous.size()] == '.';
    std::string path = join(around, repeats_holder ? name.substr(previous.size() + 1) : name);
    if (knows(path)) return path;
    path = find_deeper(around, name);
    if (!path.empty()) return path;
    if (!is_complete_ && name == without_repeat(component)) {
      return join(around, repeats_holder ? name.substr(previous.size() + 1) : name);
    }
  }
  return {};
}

// The one module of this name behind a container whose own name was left out.
std::string ScopeNames::find_deeper(const std::string& around, std::string_view component) const {
  const auto children = children_.find(around);
  if (children == children_.end()) return {};
  std::string found;
  for (const std::string& child : children->second) {
    std::string path = join(child, component);
    if (!knows(path)) continue;
    if (!found.empty()) return {};
    found = std::move(path);
  }
  return found;
}

uint32_t ScopeNames::call_index(const std::string& path, std::string_view directory) {
  const auto [found, is_new] = calls_.try_emplace({path, std::string(directory)}, 0);
  if (is_new) found->second = next_call_[path]++;
  return found->second;
}

}  // namespace modelexport::tag
