// Who computes and who reads each value of a model, and scopes inherited along it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

inline constexpr uint32_t kNoNode = 0xffffffffU;

// All nodes of a model, bodies and local functions included, in the order of for_each_placed_node().
struct Flow {
  explicit Flow(onnx::Model& model);

  std::vector<onnx::Node*> nodes;
  std::vector<uint32_t> around;            // of a node in a body: the node that owns the body, else kNoNode
  std::vector<uint32_t> producer;          // by value; kNoNode for inputs and initializers
  std::vector<const std::string*> weight;  // by value: the name of the parameter that it is, else null
};

// The common ancestor of the scopes that meet at a place.
class Meeting {
 public:
  void join(const ModuleTree& modules, ScopeId scope) {
    scope_ = scope_ ? modules.common_ancestor(*scope_, scope) : scope;
  }
  [[nodiscard]] const std::optional<ScopeId>& scope() const { return scope_; }

 private:
  std::optional<ScopeId> scope_;
};

// Gives each node that is not `known` a scope, and marks it: the common ancestor of its readers', else of its
// producers', else that of the node around its body. Returns how many found one. Linear in nodes.
uint64_t inherit_scopes(Flow& flow, const ModuleTree& modules, std::vector<bool>& known);

// Gives the nodes that are still not `known` to the root (Provenance::Fallback), and returns how many they are.
uint64_t fall_back(Flow& flow, const std::vector<bool>& known);

}  // namespace modelexport::tag
