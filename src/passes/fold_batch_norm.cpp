// Convolution, then BatchNormalization with constant statistics:
//   y = gamma * (conv(x, W) + b - mean) / sqrt(var + eps) + beta  =  conv(x, W * s) + ((b - mean) * s + beta),
// with s = gamma / sqrt(var + eps) for each output channel (Ioffe and Szegedy 2015). The weights are copied: this
// pass runs only when the user asks for it.
#include <cmath>
#include <string>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using Doubles = std::vector<double>;

std::optional<Doubles> floats_of(const onnx::Model& model, onnx::ValueId id) {
  const onnx::Initializer* initializer = model.initializer_of(id);
  if (initializer == nullptr || initializer->data.dtype != DType::Float32) return std::nullopt;
  return onnx::read_doubles(initializer->data);
}

onnx::ValueId add_weight(onnx::Model& model, const std::string& name, const std::string& source,
                         std::vector<int64_t> sizes, const Doubles& values) {
  onnx::detail::Fresh fresh = onnx::detail::make_fresh(DType::Float32, std::move(sizes));
  auto* target = reinterpret_cast<float*>(fresh.data);
  for (std::size_t i = 0; i < values.size(); ++i) target[i] = static_cast<float>(values[i]);
  onnx::Initializer& weight = model.add_initializer(name, std::move(fresh.view));
  weight.source = source;
  weight.is_parameter = true;
  return weight.value;
}

// Rewrites the weights of `conv`; false when something is not a float32 constant.
bool fold(onnx::Model& model, onnx::Node& conv, const onnx::Node& norm) {
  const auto weight = floats_of(model, conv.inputs[1]);
  const auto gamma = floats_of(model, norm.inputs[1]);
  const auto beta = floats_of(model, norm.inputs[2]);
  const auto mean = floats_of(model, norm.inputs[3]);
  const auto variance = floats_of(model, norm.inputs[4]);
  const bool has_bias = conv.inputs.size() > 2 && conv.inputs[2] != onnx::kNoValue;
  const auto bias =
      has_bias ? floats_of(model, conv.inputs[2]) : std::optional<Doubles>(Doubles(gamma ? gamma->size() : 0));
  if (!weight || !gamma || !beta || !mean || !variance || !bias) return false;
  const onnx::Attribute* epsilon = norm.find("epsilon");
  const double eps = epsilon == nullptr ? 1e-5 : std::get<float>(epsilon->value);
  Doubles scaled = *weight;
  Doubles shifted = *bias;
  const std::size_t channel = scaled.size() / gamma->size();
  for (std::size_t i = 0; i < gamma->size(); ++i) {
    const double s = (*gamma)[i] / std::sqrt((*variance)[i] + eps);
    for (std::size_t j = 0; j < channel; ++j) scaled[i * channel + j] *= s;
    shifted[i] = (shifted[i] - (*mean)[i]) * s + (*beta)[i];
  }
  const std::string name = model.values[conv.inputs[1]].name;
  const auto sizes = model.initializer_of(conv.inputs[1])->data.sizes;
  conv.inputs.resize(3);
  conv.inputs[1] = add_weight(model, name + "_folded", name, sizes, scaled);
  conv.inputs[2] = add_weight(model, name + "_folded_bias", name, {static_cast<int64_t>(shifted.size())}, shifted);
  return true;
}

}  // namespace

bool fold_batch_norm(onnx::Model& model, const PassContext& context) {
  Uses uses(model);
  bool changed = false;
  for (onnx::Node& norm : model.graph.nodes) {
    if (!is(norm, "BatchNormalization") || norm.outputs.size() != 1) continue;
    onnx::Node* conv = uses.producer[norm.inputs[0]].node;
    if (conv == nullptr || !is(*conv, "Conv") || uses.count[norm.inputs[0]] != 1) continue;
    if (!fold(model, *conv, norm)) continue;
    // The convolution now makes what the normalisation made, graph outputs included.
    conv->outputs[0] = norm.outputs[0];
    share(*conv, norm, context);
    norm.op_type.clear();
    changed = true;
  }
  sweep(model);
  return changed;
}

}  // namespace modelexport::passes
