#include "tag/project.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tag/flow.h"
#include "tag/onnx_tags.h"
#include "tag/restore.h"
#include "tag/scope_names.h"

namespace modelexport::tag {
namespace {

std::string_view enclosing(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

// All modules that are known to exist: those given, else those that weights are named after.
std::vector<std::string> known_paths(const onnx::Model& model, const std::vector<ModuleInfo>& modules) {
  std::set<std::string, std::less<>> paths;
  for (const ModuleInfo& module : modules) paths.insert(module.path);
  if (!modules.empty()) return {paths.begin(), paths.end()};
  for (const onnx::Initializer& initializer : model.initializers) {
    std::string_view path = enclosing(model.values[initializer.value].name);
    while (!path.empty() && paths.insert(std::string(path)).second) path = enclosing(path);
  }
  return {paths.begin(), paths.end()};
}

class Projector {
 public:
  Projector(onnx::Model& model, std::vector<ModuleInfo> modules, Evidence evidence, Stages& stages)
      : model_(model),
        evidence_(evidence),
        stages_(stages),
        flow_(model),
        known_(flow_.nodes.size()),
        names_(known_paths(model, modules), !modules.empty()),
        tree_(std::move(modules)) {}

  Projection run() {
    stages_.run("context", [&] { place_nodes(); });
    ProjectionCounts& counts = projection_.counts;
    counts.inherited = stages_.run("inheritance", [&] { return inherit_scopes(flow_, tree_.tree(), known_); });
    counts.fallback = stages_.run("fallback", [&] { return fall_back(flow_, known_); });
    projection_.modules = tree_.take();
    return std::move(projection_);
  }

 private:
  void place_nodes() {
    if (evidence_ == Evidence::All) {
      restore_scopes(flow_, records_of(model_), tree_, known_);
      projection_.counts.from_tags = static_cast<uint64_t>(std::count(known_.begin(), known_.end(), true));
    }
    for (std::size_t i = 0; i < flow_.nodes.size(); ++i) {
      if (!known_[i]) known_[i] = place(*flow_.nodes[i]);
    }
  }

  bool place(onnx::Node& node) {
    node.origin = torch_origin(node);
    return (evidence_ == Evidence::All && by_torch(node)) || by_name(node) || by_weights(node);
  }

  bool by_torch(onnx::Node& node) {
    const std::vector<TreeBuilder::Entry> stack = torch_stack(node);
    if (stack.empty()) return false;
    set(node, tree_.enter(stack), Provenance::Exact);
    ++projection_.counts.from_torch;
    return true;
  }

  bool by_name(onnx::Node& node) {
    const std::string name = scoped_name(node);
    if (name.empty()) return false;
    const std::string_view directory = scope_directory(name);
    const ScopeNames::Place& place = names_.resolve(directory);
    if (place.stack.empty() && !place.is_whole) return false;
    set(node, enter(place, directory, node), place.is_whole ? Provenance::Exact : Provenance::Inherited);
    ++projection_.counts.from_names;
    return true;
  }

  // "/layer1/conv1/Conv": the node's name, or what its output is called after.
  std::string scoped_name(const onnx::Node& node) const {
    if (node.name.starts_with('/')) return node.name;
    if (!node.name.empty() || node.outputs.empty() || node.outputs.front() == onnx::kNoValue) return {};
    const std::string& output = model_.values[node.outputs.front()].name;
    return output.starts_with('/') ? output : std::string();
  }

  ScopeId enter(const ScopeNames::Place& place, std::string_view directory, const onnx::Node& node) {
    std::vector<TreeBuilder::Entry> stack;
    for (const std::string& path : place.stack) stack.push_back({path, tree_.class_of(path), 0});
    if (stack.empty()) return kRootScope;
    // "/fc_1/Gemm" may be the second run of "fc" or the first of "fc_1": the weights tell.
    if (const std::optional<std::string> owner = weight_owner(node)) {
      const std::string& path = stack.back().path;
      const bool is_sibling = enclosing(*owner) == enclosing(path);
      if (is_sibling && without_repeat(path) == *owner) stack.back() = {*owner, tree_.class_of(*owner), 0};
    }
    stack.back().call = names_.call_index(stack.back().path, directory);
    return tree_.enter(stack);
  }

  bool by_weights(onnx::Node& node) {
    const std::optional<std::string> owner = weight_owner(node);
    if (!owner) return false;
    set(node, tree_.enter_path(*owner), Provenance::Inherited);
    ++projection_.counts.from_weights;
    return true;
  }

  // The module whose parameters the node reads, when it is one alone.
  std::optional<std::string> weight_owner(const onnx::Node& node) const {
    std::optional<std::string> owner;
    for (const onnx::ValueId input : node.inputs) {
      if (input == onnx::kNoValue || flow_.weight[input] == nullptr) continue;
      const std::string path(enclosing(*flow_.weight[input]));
      if (path.empty() || !names_.knows(path)) continue;
      if (owner && *owner != path) return std::nullopt;
      owner = path;
    }
    return owner;
  }

  static void set(onnx::Node& node, ScopeId scope, Provenance provenance) {
    node.scope = scope;
    node.provenance = provenance;
  }

  onnx::Model& model_;
  Evidence evidence_;
  Stages& stages_;
  Flow flow_;
  std::vector<bool> known_;
  ScopeNames names_;
  TreeBuilder tree_;
  Projection projection_;
};

}  // namespace

Projection project_scopes(onnx::Model& model, std::vector<ModuleInfo> modules, Evidence evidence, Stages* stages) {
  Stages unwatched;
  return Projector(model, std::move(modules), evidence, stages == nullptr ? unwatched : *stages).run();
}

}  // namespace modelexport::tag
