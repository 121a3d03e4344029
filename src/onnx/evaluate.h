// Evaluates single ONNX nodes on constant inputs: what constant folding and attention masks with static shapes need.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "onnx/model.h"
#include "support/tensor_view.h"

namespace modelexport::onnx {

// No result may have more elements than this.
inline constexpr int64_t kMaxFoldedElements = int64_t{1} << 20;

// `inputs` has null for omitted ones. Returns nothing when the operator, the types or the size are not for us; never
// throws for a node that is merely wrong (a runtime will say so). Semantics: onnx/docs/Operators.md, opset >= 14.
[[nodiscard]] std::optional<std::vector<TensorView>> evaluate(const Node& node,
                                                              const std::vector<const TensorView*>& inputs);

// Values of an integer tensor; nothing for other types.
[[nodiscard]] std::optional<std::vector<int64_t>> read_ints(const TensorView& tensor);
// Values of any real tensor as doubles; nothing for complex and string ones.
[[nodiscard]] std::optional<std::vector<double>> read_doubles(const TensorView& tensor);

// ---- shared by the evaluator's files ----
namespace detail {

using Inputs = std::vector<const TensorView*>;
using Result = std::optional<std::vector<TensorView>>;

Result evaluate_elementwise(const Node& node, const Inputs& inputs);  // Add, Equal, Where, Cast, ...
Result evaluate_layout(const Node& node, const Inputs& inputs);       // Reshape, Transpose, Slice, Concat, Gather, ...
Result evaluate_reduction(const Node& node, const Inputs& inputs);    // ReduceSum, CumSum, MatMul, ...

int64_t int_attribute(const Node& node, std::string_view name, int64_t otherwise);
// The common shape of numpy broadcasting, or nothing.
std::optional<std::vector<int64_t>> broadcast_sizes(const Inputs& inputs);
// `tensor` seen with `sizes`: broadcast dimensions get stride 0.
TensorView broadcast_to(const TensorView& tensor, const std::vector<int64_t>& sizes);
int64_t product(const std::vector<int64_t>& sizes);
// A fresh row-major tensor and where to write it.
struct Fresh {
  TensorView view;
  std::byte* data;
};
Fresh make_fresh(DType dtype, std::vector<int64_t> sizes);

}  // namespace detail
}  // namespace modelexport::onnx
