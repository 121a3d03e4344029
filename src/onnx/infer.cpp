#include "onnx/infer.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "onnx/shape_rules.h"

namespace modelexport::onnx {
namespace {

using detail::NodeTypes;

DType result_dtype(const NodeTypes& s, std::size_t output) {
  static const std::unordered_set<std::string_view> boolean = {
      "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"};
  static const std::unordered_set<std::string_view> integer = {"Shape", "Size", "ArgMax", "ArgMin", "NonZero"};
  static const std::unordered_set<std::string_view> integer_extra = {"TopK", "MaxPool", "Unique"};
  const std::string_view op = s.node.op_type;
  if (boolean.contains(op)) return DType::Bool;
  if (integer.contains(op)) return DType::Int64;
  if (output > 0 && integer_extra.contains(op)) return DType::Int64;
  if (output > 0 && op == "Dropout") return DType::Bool;
  if (op == "Cast") return static_cast<DType>(s.attribute("to", 0));
  if (op == "CastLike" || op == "Where") return s.dtype(1);
  if (op == "OneHot") return s.dtype(2);
  if (op == "QuantizeLinear") return s.has(2) ? s.dtype(2) : DType::UInt8;
  if (op == "DequantizeLinear") return s.dtype(1);
  if (op == "ConstantOfShape") {
    const Attribute* value = s.node.find("value");
    return value == nullptr ? DType::Float32 : std::get<TensorView>(value->value).dtype;
  }
  if (op == "RandomNormal" || op == "RandomUniform") return static_cast<DType>(s.attribute("dtype", 1));
  if (op == "EyeLike" || op == "Bernoulli" || op == "RandomNormalLike" || op == "RandomUniformLike") {
    return static_cast<DType>(s.attribute("dtype", static_cast<int64_t>(s.dtype(0))));
  }
  if (op == "If" || op == "Loop" || op == "Scan") return DType::Undefined;
  return s.dtype(0);
}

}  // namespace

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Dim one{1, ""};
    const Dim& x = i < a.size() ? a[a.size() - 1 - i] : one;
    const Dim& y = i < b.size() ? b[b.size() - 1 - i] : one;
    Dim& out = result[result.size() - 1 - i];
    if (x == one) {
      out = y;
    } else if (y == one || x == y) {
      out = x;
    } else if (x.is_static() != y.is_static()) {
      out = x.is_static() ? x : y;  // a size above one wins over whatever the other is
    }
  }
  return result;
}

std::vector<InferredType> infer_types(const Model& model, const Node& node) {
  const NodeTypes scene{model, node};
  std::vector<InferredType> types(node.outputs.size());
  if (!node.domain.empty()) return types;
  for (std::size_t i = 0; i < types.size(); ++i) types[i].dtype = result_dtype(scene, i);
  const detail::ShapeRule rule = detail::shape_rule(node.op_type);
  if (rule != nullptr && !types.empty()) types[0].shape = rule(scene);
  return types;
}

}  // namespace modelexport::onnx
