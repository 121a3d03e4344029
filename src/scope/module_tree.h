// The one provenance type: which nn.Module call something came from.
//
// A scope is a module *call*, (path, call index), below the call that made it. Scopes are small integers, so
// that every node of every stage can carry one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace modelexport {

using ScopeId = uint32_t;
inline constexpr ScopeId kRootScope = 0;

// How sure a node's scope is. Written as modelexport.provenance when it is not Exact.
enum class Provenance : uint8_t { Exact, Merged, Inherited, Fallback };
[[nodiscard]] std::string_view name_of(Provenance provenance);

struct ModuleCall {
  ScopeId parent = kRootScope;
  uint32_t depth = 0;           // 0 for the root
  std::string path;             // "encoder.layer.0", "" for the root
  std::string qualified_class;  // "transformers.models.bert.modeling_bert.BertLayer"
  uint32_t call = 0;            // nth call of this module, in execution order
};

// A module of the tree that named_modules() shows, whether it was called or not.
struct ModuleInfo {
  std::string path;
  std::string qualified_class;
  uint64_t parameters = 0;  // elements of the parameters it owns itself (not its children's)
};

class ModuleTree {
 public:
  // Starts with the root call only; its class may be set once known.
  ModuleTree();

  void set_root_class(std::string qualified_class);
  // The scope of call `call` of `path` made inside `parent`; the same arguments give the same scope.
  ScopeId enter(ScopeId parent, std::string_view path, std::string_view qualified_class, uint32_t call);

  [[nodiscard]] const ModuleCall& operator[](ScopeId scope) const { return calls_[scope]; }
  [[nodiscard]] std::size_t size() const { return calls_.size(); }
  [[nodiscard]] ScopeId common_ancestor(ScopeId a, ScopeId b) const;
  // A scope is an ancestor of itself.
  [[nodiscard]] bool is_ancestor(ScopeId ancestor, ScopeId scope) const;
  // Outermost first, the root included.
  [[nodiscard]] std::vector<ScopeId> chain(ScopeId scope) const;

  std::vector<ModuleInfo> modules;  // in named_modules() order, root first; may be empty when unknown

 private:
  std::vector<ModuleCall> calls_;
  std::unordered_map<std::string, ScopeId> index_;
};

// "BertLayer" of "transformers.models.bert.modeling_bert.BertLayer".
[[nodiscard]] std::string_view class_name(std::string_view qualified_class);

}  // namespace modelexport
