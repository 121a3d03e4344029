// Transpose, then Pad: the other way round it is the same, and the Transpose can join what moves elements behind it.
#include <array>
#include <string_view>
#include <utility>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::Node;
using Ints = std::vector<int64_t>;

constexpr std::array<std::string_view, 4> kMoving = {"Gather", "Reshape", "Slice", "Transpose"};

// The numbers of `pads`, of the axes before the Transpose; nothing when they are not all known.
std::optional<Ints> pads_before(const onnx::Model& model, const Node& pad, const Ints& perm) {
  const bool has_axes = pad.inputs.size() > 3 && pad.inputs[3] != onnx::kNoValue;
  const bool knows_value =
      pad.inputs.size() < 3 || pad.inputs[2] == onnx::kNoValue || model.initializer_of(pad.inputs[2]) != nullptr;
  const onnx::Initializer* given = pad.inputs.size() < 2 ? nullptr : model.initializer_of(pad.inputs[1]);
  const auto pads = given == nullptr ? std::nullopt : onnx::read_ints(given->data);
  if (has_axes || !knows_value || !pads || pads->size() != 2 * perm.size()) return std::nullopt;
  Ints before(pads->size());
  for (std::size_t i = 0; i < perm.size(); ++i) {
    const auto axis = static_cast<std::size_t>(perm[i]);
    before[axis] = (*pads)[i];
    before[axis + perm.size()] = (*pads)[i + perm.size()];
  }
  return before;
}

onnx::Shape shape_before(const onnx::Shape& after, const Ints& perm) {
  onnx::Shape before(after.size());
  for (std::size_t i = 0; i < perm.size(); ++i) before[static_cast<std::size_t>(perm[i])] = after[i];
  return before;
}

}  // namespace

bool pad_early(onnx::Model& model, const PassContext&) {
  const Uses uses(model);
  const Readers readers(model);
  bool changed = false;
  for (Node& pad : model.graph.nodes) {
    if (!is(pad, "Pad") || !model.values[pad.outputs[0]].shape || readers.of[pad.outputs[0]].size() != 1 ||
        !is_one_of(*readers.of[pad.outputs[0]].front(), kMoving)) {
      continue;
    }
    Node* transpose = uses.producer[pad.inputs[0]].node;
    if (transpose == nullptr || !is(*transpose, "Transpose") || uses.count[pad.inputs[0]] != 1) continue;
    const Ints perm = std::get<Ints>(transpose->attributes.front().value);
    const auto pads = pads_before(model, pad, perm);
    if (!pads || uses.producer[pad.inputs[0]].graph != &model.graph) continue;
    onnx::Value padded;
    padded.dtype = model.values[pad.outputs[0]].dtype;
    padded.shape = shape_before(*model.values[pad.outputs[0]].shape, perm);
    const onnx::ValueId between = model.add_value(std::move(padded));
    std::swap(*transpose, pad);  // from here on, `transpose` is the Pad and the other way round
    transpose->inputs[0] = std::exchange(pad.inputs[0], between);
    transpose->inputs[1] = add_ints(model, *pads);
    pad.outputs[0] = std::exchange(transpose->outputs[0], between);
    changed = true;
  }
  return changed;
}

}  // namespace modelexport::passes
