// The product of a matrix and a weight, then the sum with a bias, is one Gemm.
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

bool has_rank(const onnx::Model& model, onnx::ValueId id, std::size_t rank) {
  const auto& shape = model.values[id].shape;
  return shape && shape->size() == rank;
}

bool is_product_of_matrices(const onnx::Model& model, const onnx::Node& node) {
  const DType dtype = model.values[node.outputs[0]].dtype;
  return is(node, "MatMul") && (dtype == DType::Float32 || dtype == DType::Float64) &&
         has_rank(model, node.inputs[0], 2) && has_rank(model, node.inputs[1], 2) &&
         model.initializer_of(node.inputs[1]) != nullptr;
}

}  // namespace

bool merge_bias(onnx::Model& model, const PassContext& context) {
  const Uses uses(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph& graph, onnx::Node& sum) {
    if (!is(sum, "Add")) return;
    for (const std::size_t i : {0, 1}) {
      const onnx::ValueId bias = sum.inputs[1 - i];
      const Place product = uses.producer[sum.inputs[i]];
      if (product.node == nullptr || product.graph != &graph || uses.count[sum.inputs[i]] != 1 ||
          !is_product_of_matrices(model, *product.node) || !has_rank(model, bias, 1) ||
          !may_merge(*product.node, sum, context)) {
        continue;
      }
      sum.op_type = "Gemm";
      sum.inputs = {product.node->inputs[0], product.node->inputs[1], bias};
      changed = true;
      return;
    }
  });
  return changed;
}

}  // namespace modelexport::passes
