// What is written about a scope: computed once for each module call, not once for each node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scope/module_tree.h"

namespace modelexport::tag {

struct ScopeText {
  std::string tag;              // "/BertModel/BertEncoder/BertLayer.0/BertAttention/BertSelfAttention/Linear"
  std::string tag_no_nn;        // the same without classes of torch.nn; the root stays
  uint32_t depth_no_nn = 0;     // components of tag_no_nn
  std::string name_prefix;      // "/encoder/layer.0/attention/self/query/"
  std::string groups;           // "encoder: BertEncoder/encoder.layer.0: BertLayer"; empty for the root
  std::string name_scopes;      // "['', 'encoder'": torch's list, open at the end for the operation
  std::string class_hierarchy;  // likewise, of qualified classes
};

// One entry for each ScopeId.
[[nodiscard]] std::vector<ScopeText> describe_scopes(const ModuleTree& modules);

// "/encoder/layer.0/" of "encoder.layer.0": a number is joined to the attribute before it. "/" for the root.
[[nodiscard]] std::string name_prefix(std::string_view path);
// "BertLayer.0": the class (the attribute's name where nobody knows it, "Module" for the root), and the numbers by
// which lists that are never called lead from `parent_path` to `path`.
[[nodiscard]] std::string tag_component(std::string_view path, std::string_view parent_path,
                                        std::string_view qualified_class);
[[nodiscard]] bool is_torch_nn(std::string_view qualified_class);
// A module call in one word, as torch writes it: "encoder.layer.0", "encoder.layer.0@1" for the second call.
[[nodiscard]] std::string call_name(const ModuleCall& call);

}  // namespace modelexport::tag
