// A weight that every reader wants transposed alike is written that way.
#include "passes/pass.h"
#include "passes/uses.h"
#include "passes/weight_views.h"

namespace modelexport::passes {

namespace {

std::optional<TensorView> transposed(const onnx::Node& reader, const onnx::Initializer& weight) {
  const onnx::Attribute* attribute = is(reader, "Transpose") ? reader.find("perm") : nullptr;
  if (attribute == nullptr) return std::nullopt;
  const auto& perm = std::get<std::vector<int64_t>>(attribute->value);
  TensorView result = weight.data;
  for (std::size_t i = 0; i < perm.size(); ++i) {
    result.sizes[i] = weight.data.sizes[static_cast<std::size_t>(perm[i])];
    result.strides[i] = weight.data.strides[static_cast<std::size_t>(perm[i])];
  }
  return result;
}

}  // namespace

bool transpose_weights(onnx::Model& model, const PassContext&) {
  return view_weights(model, "_transposed", transposed);
}

}  // namespace modelexport::passes
