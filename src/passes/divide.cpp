// x * (1 / y) becomes x / y: a node less, and the form by which onnxruntime knows an RMS normalisation.
#include <utility>

#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

bool divide(onnx::Model& model, const PassContext& context) {
  Uses uses(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph& graph, onnx::Node& product) {
    if (product.op_type != "Mul") return;
    for (const std::size_t i : {1, 0}) {
      const onnx::ValueId inverse = product.inputs[i];
      const Place place = uses.producer[inverse];
      if (place.node == nullptr || place.graph != &graph || place.node->op_type != "Reciprocal" ||
          uses.count[inverse] != 1 || !may_merge(*place.node, product, context)) {
        continue;
      }
      product.op_type = "Div";
      product.inputs = {product.inputs[1 - i], place.node->inputs[0]};
      changed = true;
      return;
    }
  });
  return changed;
}

}  // namespace modelexport::passes
