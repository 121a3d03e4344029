#include "passes/row_wise.h"

#include <algorithm>
#include <array>

#include "onnx/evaluate.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::Dim;
using onnx::Shape;
using onnx::ValueId;

constexpr std::array<std::string_view, 44> kElementwise = {"Abs",
                                                           "Add",
                                                           "And",
                                                           "Cast",
                                                           "Ceil",
                                                           "Celu",
                                                           "Clip",
                                                           "Cos",
                                                           "Div",
                                                           "Elu",
                                                           "Equal",
                                                           "Erf",
                                                           "Exp",
                                                           "Floor",
                                                           "Gelu",
                                                           "Greater",
                                                           "HardSwish",
                                                           "HardSigmoid",
                                                           "LeakyRelu",
                                                           "Less",
                                                           "LessOrEqual",
                                                           "Log",
                                                           "Max",
                                                           "Min",
                                                           "Mish",
                                                           "Mul",
                                                           "Neg",
                                                           "Not",
                                                           "Or",
                                                           "Pow",
                                                           "Reciprocal",
                                                           "Relu",
                                                           "Round",
                                                           "Selu",
                                                           "Sigmoid",
                                                           "Sign",
                                                           "Sin",
                                                           "Softplus",
                                                           "Softsign",
                                                           "Sqrt",
                                                           "Sub",
                                                           "Tanh",
                                                           "ThresholdedRelu",
                                                           "Where"};
constexpr std::array<std::string_view, 6> kReductions = {"ReduceL1",   "ReduceL2",  "ReduceMax",
                                                         "ReduceMean", "ReduceMin", "ReduceSum"};

const Shape* shape_of(const onnx::Model& model, ValueId id) {
  const auto& shape = model.values[id].shape;
  return shape ? &*shape : nullptr;
}

// Whether `a` and `b` have the same axes in front of the last one.
bool have_same_rows(const Shape& a, const Shape& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end() - 1, b.begin(), known_equal);
}

// At most a vector along the last axis.
bool is_same_for_all_rows(const Shape& shape) {
  return shape.size() <= 1 || (shape.size() == 2 && shape.front() == Dim{1, ""});
}

int64_t number(const onnx::Node& node, std::string_view attribute, int64_t otherwise) {
  const onnx::Attribute* found = node.find(attribute);
  return found == nullptr ? otherwise : std::get<int64_t>(found->value);
}

bool reduces_last_axis(const onnx::Model& model, const onnx::Node& node, int64_t rank) {
  if (number(node, "keepdims", 1) != 1) return false;
  std::optional<std::vector<int64_t>> axes;
  if (const onnx::Attribute* attribute = node.find("axes")) {
    axes = std::get<std::vector<int64_t>>(attribute->value);
  } else if (node.inputs.size() > 1) {
    const onnx::Initializer* initializer = model.initializer_of(node.inputs[1]);
    if (initializer != nullptr) axes = onnx::read_ints(initializer->data);
  }
  // Written from the front, the axis would be another one in a matrix.
  return axes && *axes == std::vector<int64_t>{-1} && rank > 2;
}

// The first input alone is read as rows, and the result has as many.
std::optional<RowWise> first_only(const onnx::Model& model, const onnx::Node& node) {
  const Shape* out = shape_of(model, node.outputs[0]);
  const Shape* in = shape_of(model, node.inputs[0]);
  if (!has_rows(model, node.inputs[0]) || !have_same_rows(*in, *out)) return std::nullopt;
  return RowWise{{0}, false};
}

std::optional<RowWise> elementwise(const onnx::Model& model, const onnx::Node& node) {
  const Shape& out = *shape_of(model, node.outputs[0]);
  RowWise result;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId input = node.inputs[i];
    if (input == onnx::kNoValue) continue;
    const Shape* shape = shape_of(model, input);
    if (shape == nullptr) return std::nullopt;
    if (is_same_for_all_rows(*shape)) continue;
    if (!has_rows(model, input) || !have_same_rows(*shape, out)) return std::nullopt;
    result.inputs.push_back(i);
  }
  return result;
}

// A Reshape, Squeeze or Unsqueeze that leaves the rows whole.
std::optional<RowWise> move(const onnx::Model& model, const onnx::Node& node) {
  const Shape& out = *shape_of(model, node.outputs[0]);
  if (!has_rows(model, node.inputs[0]) || shape_of(model, node.inputs[0])->back() != out.back()) return std::nullopt;
  return RowWise{{0}, true};
}

}  // namespace

bool has_rows(const onnx::Model& model, ValueId id) {
  const Shape* shape = shape_of(model, id);
  if (shape == nullptr || shape->size() < 3 || !shape->back().is_static() || model.values[id].is_sequence) return false;
  const auto is_empty = [](const Dim& dim) { return dim.value == 0; };
  const auto is_known = [](const Dim& dim) { return dim.is_static(); };
  return std::none_of(shape->begin(), shape->end(), is_empty) &&
         std::count_if(shape->begin(), shape->end(), is_known) + 1 >= static_cast<std::ptrdiff_t>(shape->size());
}

Shape rows_shape(const Shape& shape) {
  Dim rows{1, ""};
  for (auto dim = shape.begin(); dim != shape.end() - 1; ++dim) {
    rows.value = rows.value < 0 || !dim->is_static() ? -1 : rows.value * dim->value;
  }
  return {rows, shape.back()};
}

std::optional<RowWise> row_wise(const onnx::Model& model, const onnx::Node& node) {
  if (node.outputs.size() != 1 || node.inputs.empty() || !has_rows(model, node.outputs[0])) return std::nullopt;
  const auto rank = static_cast<int64_t>(shape_of(model, node.outputs[0])->size());
  if (is_one_of(node, kElementwise)) return elementwise(model, node);
  if (is(node, "Reshape") || is(node, "Squeeze") || is(node, "Unsqueeze")) return move(model, node);
  if (is(node, "MatMul")) {
    const Shape* weight = shape_of(model, node.inputs[1]);
    return weight != nullptr && weight->size() == 2 ? first_only(model, node) : std::nullopt;
  }
  if (is(node, "LayerNormalization") || is(node, "Softmax") || is(node, "LogSoftmax")) {
    const int64_t axis = number(node, "axis", -1);
    return axis == -1 || axis == rank - 1 ? first_only(model, node) : std::nullopt;
  }
  return is_one_of(node, kReductions) && reduces_last_axis(model, node, rank) ? first_only(model, node) : std::nullopt;
}

}  // namespace modelexport::passes
