// Transpose after Transpose and Reshape after Reshape: the first of the pair is bypassed when the pair belongs to
// one module call (or when optimising, to any: the result then belongs to their common ancestor).
#include <string_view>

#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

// Calls merge(first, second) for every pair of `op_type` in which only `second` reads what `first` makes.
template <typename Merge>
bool for_each_pair(onnx::Model& model, std::string_view op_type, Merge&& merge) {
  Uses uses(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph& graph, onnx::Node& second) {
    if (!is(second, op_type)) return;
    const Place first = uses.producer[second.inputs[0]];
    if (first.node == nullptr || first.graph != &graph || !is(*first.node, op_type) ||
        uses.count[second.inputs[0]] != 1) {
      return;
    }
    changed = merge(*first.node, second) || changed;
  });
  return changed;
}

}  // namespace

bool merge_transposes(onnx::Model& model, const PassContext& context) {
  return for_each_pair(model, "Transpose", [&](onnx::Node& first, onnx::Node& second) {
    if (!may_merge(first, second, context)) return false;
    const auto& inner = std::get<std::vector<int64_t>>(first.find("perm")->value);
    auto& outer = std::get<std::vector<int64_t>>(second.attributes.front().value);
    for (int64_t& axis : outer) axis = inner[static_cast<std::size_t>(axis)];
    second.inputs[0] = first.inputs[0];
    return true;
  });
}

bool merge_reshapes(onnx::Model& model, const PassContext& context) {
  return for_each_pair(model, "Reshape", [&](onnx::Node& first, onnx::Node& second) {
    // A 0 in the second shape copies a size of the first one's result.
    const onnx::Initializer* shape = model.initializer_of(second.inputs[1]);
    if (shape == nullptr || !second.attributes.empty()) return false;
    const auto* sizes = reinterpret_cast<const int64_t*>(shape->data.bytes());
    for (int64_t i = 0; i < shape->data.numel(); ++i) {
      if (sizes[i] == 0) return false;
    }
    if (!may_merge(first, second, context)) return false;
    second.inputs[0] = first.inputs[0];
    return true;
  });
}

}  // namespace modelexport::passes
