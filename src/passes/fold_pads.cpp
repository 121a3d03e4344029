// Zeros around the input of a convolution become its own padding.
#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using Ints = std::vector<int64_t>;

const TensorView* constant_of(const onnx::Model& model, const onnx::Node& node, std::size_t input) {
  if (input >= node.inputs.size()) return nullptr;
  const onnx::Initializer* initializer = model.initializer_of(node.inputs[input]);
  return initializer == nullptr ? nullptr : &initializer->data;
}

bool pads_with_zeros(const onnx::Model& model, const onnx::Node& pad) {
  const onnx::Attribute* mode = pad.find("mode");
  if (mode != nullptr && std::get<std::string>(mode->value) != "constant") return false;
  if (pad.inputs.size() < 3 || pad.inputs[2] == onnx::kNoValue) return true;
  const TensorView* value = constant_of(model, pad, 2);
  return value != nullptr && onnx::read_doubles(*value) == std::vector<double>{0};
}

// Begins, then ends, of the spatial axes; nothing when other axes are padded too, or an axis is cut.
std::optional<Ints> spatial_pads(const onnx::Model& model, const onnx::Node& pad) {
  const TensorView* given = constant_of(model, pad, 1);
  if (given == nullptr || pad.inputs.size() > 3) return std::nullopt;
  const std::optional<std::vector<double>> pads = onnx::read_doubles(*given);
  if (!pads) return std::nullopt;
  const std::size_t rank = pads->size() / 2;
  Ints spatial;
  for (std::size_t i = 0; i < pads->size(); ++i) {
    const bool is_spatial = i % rank >= 2;
    if (is_spatial ? (*pads)[i] < 0 : (*pads)[i] != 0) return std::nullopt;
    if (is_spatial) spatial.push_back(static_cast<int64_t>((*pads)[i]));
  }
  return spatial;
}

void add_pads(onnx::Node& conv, Ints more) {
  for (onnx::Attribute& attribute : conv.attributes) {
    if (attribute.name != "pads") continue;
    Ints& pads = std::get<Ints>(attribute.value);
    for (std::size_t i = 0; i < pads.size(); ++i) pads[i] += more[i];
    return;
  }
  conv.attributes.push_back({"pads", std::move(more)});
}

}  // namespace

bool fold_pads(onnx::Model& model, const PassContext& context) {
  Uses uses(model);
  bool changed = false;
  onnx::for_each_node(model.graph, [&](onnx::Graph& graph, onnx::Node& conv) {
    if (!is(conv, "Conv") || conv.find("auto_pad") != nullptr) return;
    const Place place = uses.producer[conv.inputs[0]];
    if (place.node == nullptr || place.graph != &graph || !is(*place.node, "Pad") || uses.count[conv.inputs[0]] != 1 ||
        !pads_with_zeros(model, *place.node)) {
      return;
    }
    std::optional<Ints> pads = spatial_pads(model, *place.node);
    if (!pads || !may_merge(*place.node, conv, context)) return;
    add_pads(conv, std::move(*pads));
    conv.inputs[0] = place.node->inputs[0];
    changed = true;
  });
  return changed;
}

}  // namespace modelexport::passes
