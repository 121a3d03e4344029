// Who reads and who makes each value; what most passes need to know first.
#pragma once

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"
#include "passes/pass.h"

namespace modelexport::passes {

// Whether a node is ONNX's own operator of that name.
inline bool is(const onnx::Node& node, std::string_view op_type) {
  return node.op_type == op_type && node.domain.empty();
}

template <typename Names>
bool is_one_of(const onnx::Node& node, const Names& names) {
  return node.domain.empty() && std::find(names.begin(), names.end(), node.op_type) != names.end();
}

// Whether two sizes are the same for every input.
inline bool known_equal(const onnx::Dim& a, const onnx::Dim& b) {
  return a == b && (a.is_static() || !a.param.empty());
}

// Where a node stands; node pointers stay valid while no node is added or removed.
struct Place {
  onnx::Graph* graph = nullptr;
  onnx::Node* node = nullptr;
};

struct Uses {
  explicit Uses(onnx::Model& model);

  // Reads of a value by nodes (bodies included) and by graph outputs.
  std::vector<uint32_t> count;
  std::vector<Place> producer;  // node null: an input or an initializer
};

// The nodes that read each value, as often as they read it; bodies included.
struct Readers {
  explicit Readers(onnx::Model& model);

  // Makes every node that reads `from` read `to`; graph outputs stay as they are.
  void replace(onnx::ValueId from, onnx::ValueId to);

  std::vector<std::vector<onnx::Node*>> of;
};

// A node without results yet, of the module calls that `like` is of.
onnx::Node node_like(const onnx::Node& like, std::string_view op_type, std::vector<onnx::ValueId> inputs);
// Makes `node` that of the module calls of `other` as well: it belongs to their common ancestor, and says whose it was.
void share(onnx::Node& node, const onnx::Node& other, const PassContext& context);
// Whether two nodes may become one, which stands where `second` does, and whose that is then.
bool may_merge(const onnx::Node& first, onnx::Node& second, const PassContext& context);
// A constant of shape [n].
onnx::ValueId add_ints(onnx::Model& model, const std::vector<int64_t>& numbers);
// Puts those in place of the nodes that they are listed for.
void replace_nodes(onnx::Graph& graph, std::unordered_map<const onnx::Node*, std::vector<onnx::Node>>& by);
// Removes the nodes whose op_type was cleared.
void sweep(onnx::Model& model);

}  // namespace modelexport::passes
