// x + 0, x - 0, x * 1 and x / 1 are x, but for the sign of a zero; so is x in the shape that it has.
#include <algorithm>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

struct Neutral {
  const char* op_type;
  double element;
  bool on_both_sides;
};

constexpr Neutral kNeutral[] = {{"Add", 0, true}, {"Sub", 0, false}, {"Mul", 1, true}, {"Div", 1, false}};

// Whether `id` is a constant (no parameter) of one element, `element`, that leaves the shape of `other` as it is.
bool is_neutral(const onnx::Model& model, onnx::ValueId id, double element, onnx::ValueId other) {
  const onnx::Initializer* initializer = model.initializer_of(id);
  const auto& shape = model.values[other].shape;
  return initializer != nullptr && !initializer->is_parameter && shape &&
         initializer->data.sizes.size() <= shape->size() && initializer->data.numel() == 1 &&
         onnx::read_doubles(initializer->data) == std::vector<double>{element};
}

bool is_static(const onnx::Dim& dim) { return dim.is_static(); }

// What `node` gives back as it is, if it does.
onnx::ValueId unchanged(const onnx::Model& model, const onnx::Node& node) {
  if (is(node, "Reshape")) {
    const auto& shape = model.values[node.outputs[0]].shape;
    const bool same = shape && model.values[node.inputs[0]].shape == shape;
    return same && std::all_of(shape->begin(), shape->end(), is_static) ? node.inputs[0] : onnx::kNoValue;
  }
  for (const Neutral& neutral : kNeutral) {
    if (!is(node, neutral.op_type)) continue;
    const onnx::ValueId a = node.inputs[0];
    const onnx::ValueId b = node.inputs[1];
    if (is_neutral(model, b, neutral.element, a)) return a;
    if (neutral.on_both_sides && is_neutral(model, a, neutral.element, b)) return b;
  }
  return onnx::kNoValue;
}

}  // namespace

bool drop_neutral(onnx::Model& model, const PassContext&) {
  const Uses uses(model);
  Readers readers(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph&, onnx::Node& node) {
    const onnx::ValueId same = unchanged(model, node);
    if (same == onnx::kNoValue) return;
    const onnx::ValueId result = node.outputs[0];
    if (uses.count[result] != readers.of[result].size()) return;  // a graph's own output keeps its node
    readers.replace(result, same);
    changed = true;
  });
  return changed;
}

}  // namespace modelexport::passes
