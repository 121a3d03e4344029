#include "scope/module_tree.h"

#include <algorithm>
#include <utility>

namespace modelexport {

namespace {

std::string key_of(ScopeId parent, std::string_view path, uint32_t call) {
  std::string key = std::to_string(parent);
  key += ' ';
  key += std::to_string(call);
  key += ' ';
  key += path;
  return key;
}

}  // namespace

std::string_view name_of(Provenance provenance) {
  switch (provenance) {
    case Provenance::Exact:
      return "exact";
    case Provenance::Merged:
      return "merged";
    case Provenance::Inherited:
      return "inherited";
    case Provenance::Fallback:
      return "fallback";
  }
  return "unknown";
}

ModuleTree::ModuleTree() : calls_(1) {}

void ModuleTree::set_root_class(std::string qualified_class) {
  calls_[kRootScope].qualified_class = std::move(qualified_class);
}

ScopeId ModuleTree::enter(ScopeId parent, std::string_view path, std::string_view qualified_class, uint32_t call) {
  const auto [found, is_new] = index_.try_emplace(key_of(parent, path, call), static_cast<ScopeId>(calls_.size()));
  if (is_new) {
    calls_.push_back({.parent = parent,
                      .depth = calls_[parent].depth + 1,
                      .path = std::string(path),
                      .qualified_class = std::string(qualified_class),
                      .call = call});
  }
  return found->second;
}

ScopeId ModuleTree::common_ancestor(ScopeId a, ScopeId b) const {
  while (a != b) {
    if (calls_[a].depth >= calls_[b].depth) {
      a = calls_[a].parent;
    } else {
      b = calls_[b].parent;
    }
  }
  return a;
}

bool ModuleTree::is_ancestor(ScopeId ancestor, ScopeId scope) const {
  while (calls_[scope].depth > calls_[ancestor].depth) scope = calls_[scope].parent;
  return scope == ancestor;
}

std::vector<ScopeId> ModuleTree::chain(ScopeId scope) const {
  std::vector<ScopeId> result(calls_[scope].depth + 1);
  for (auto place = result.rbegin(); place != result.rend(); ++place) {
    *place = scope;
    scope = calls_[scope].parent;
  }
  return result;
}

std::string_view class_name(std::string_view qualified_class) {
  // rfind gives npos without a dot, and npos + 1 is 0.
  return qualified_class.substr(qualified_class.rfind('.') + 1);
}

}  // namespace modelexport
