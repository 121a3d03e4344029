#include "onnx/shape_rules.h"

#include <algorithm>
#include <unordered_map>

#include "onnx/infer.h"

namespace modelexport::onnx::detail {
namespace {

using Ints = std::vector<int64_t>;

std::optional<Shape> same_as_input(const NodeTypes& s) { return s.shape(0); }

std::optional<Shape> broadcast_inputs(const NodeTypes& s) {
  std::optional<Shape> result;
  for (std::size_t i = 0; i < s.node.inputs.size(); ++i) {
    if (!s.has(i)) continue;
    const auto shape = s.shape(i);
    if (!shape) return std::nullopt;
    result = result ? broadcast_shapes(*result, *shape) : *shape;
  }
  return result;
}

std::optional<Shape> transpose_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  const Attribute* perm = s.node.find("perm");
  if (!shape || perm == nullptr) return std::nullopt;
  Shape result;
  for (int64_t axis : std::get<Ints>(perm->value)) result.push_back(shape->at(static_cast<std::size_t>(axis)));
  return result;
}

std::optional<Shape> unsqueeze_shape(const NodeTypes& s) {
  auto shape = s.shape(0);
  auto axes = s.ints(1);
  if (!shape || !axes) return std::nullopt;
  const auto rank = static_cast<int64_t>(shape->size() + axes->size());
  for (int64_t& axis : *axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes->begin(), axes->end());
  for (int64_t axis : *axes) {
    if (axis > static_cast<int64_t>(shape->size())) return std::nullopt;
    shape->insert(shape->begin() + axis, Dim{1, ""});
  }
  return shape;
}

std::optional<Shape> squeeze_shape(const NodeTypes& s) {
  auto shape = s.shape(0);
  auto axes = s.ints(1);
  if (!shape || !axes) return std::nullopt;
  const auto rank = static_cast<int64_t>(shape->size());
  for (int64_t& axis : *axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes->rbegin(), axes->rend());
  for (int64_t axis : *axes) {
    if (axis < 0 || axis >= rank) return std::nullopt;
    shape->erase(shape->begin() + axis);
  }
  return shape;
}

std::optional<Shape> reshape_shape(const NodeTypes& s) {
  const auto target = s.ints(1);
  if (!target) {
    const auto wanted = s.shape(1);
    if (!wanted || wanted->size() != 1 || !wanted->front().is_static()) return std::nullopt;
    return Shape(static_cast<std::size_t>(wanted->front().value));
  }
  const auto shape = s.shape(0);
  const bool allow_zero = s.attribute("allowzero", 0) != 0;
  Shape result;
  int64_t known = 1;
  std::size_t inferred = target->size();
  for (std::size_t i = 0; i < target->size(); ++i) {
    const int64_t size = (*target)[i];
    result.push_back(size >= 0 ? Dim{size, ""} : Dim{});
    if (size == 0 && !allow_zero) result.back() = shape && i < shape->size() ? (*shape)[i] : Dim{};
    if (size == -1) {
      inferred = i;
    } else {
      known = result.back().is_static() && known > 0 ? known * result.back().value : -1;
    }
  }
  if (inferred == target->size() || known <= 0 || !shape) return result;
  int64_t total = 1;
  for (const Dim& dim : *shape) total = dim.is_static() && total >= 0 ? total * dim.value : -1;
  if (total >= 0) result[inferred].value = total / known;
  return result;
}

std::optional<Shape> expand_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  const auto target = s.ints(1);
  if (!shape) return std::nullopt;
  if (target) {
    Shape wanted;
    for (int64_t size : *target) wanted.push_back(Dim{size, ""});
    return broadcast_shapes(*shape, wanted);
  }
  const auto length = s.shape(1);
  if (!length || length->size() != 1 || !length->front().is_static()) return std::nullopt;
  return Shape(std::max(shape->size(), static_cast<std::size_t>(length->front().value)));
}

std::optional<Shape> concat_shape(const NodeTypes& s) {
  auto result = s.shape(0);
  if (!result || result->empty()) return std::nullopt;
  int64_t axis = s.attribute("axis", 0);
  axis = axis < 0 ? axis + static_cast<int64_t>(result->size()) : axis;
  Dim& joined = result->at(static_cast<std::size_t>(axis));
  for (std::size_t i = 1; i < s.node.inputs.size(); ++i) {
    const auto shape = s.shape(i);
    if (!shape || shape->size() != result->size()) return std::nullopt;
    const Dim& dim = shape->at(static_cast<std::size_t>(axis));
    joined = joined.is_static() && dim.is_static() ? Dim{joined.value + dim.value, ""} : Dim{};
  }
  return result;
}

std::optional<Shape> gather_shape(const NodeTypes& s) {
  const auto data = s.shape(0);
  const auto indices = s.shape(1);
  if (!data || !indices || data->empty()) return std::nullopt;
  int64_t axis = s.attribute("axis", 0);
  axis = axis < 0 ? axis + static_cast<int64_t>(data->size()) : axis;
  Shape result(data->begin(), data->begin() + axis);
  result.insert(result.end(), indices->begin(), indices->end());
  result.insert(result.end(), data->begin() + axis + 1, data->end());
  return result;
}

std::optional<Shape> slice_shape(const NodeTypes& s) {
  auto shape = s.shape(0);
  const auto starts = s.ints(1);
  const auto ends = s.ints(2);
  const auto axes = s.ints(3);
  if (!shape) return std::nullopt;
  if (!axes) return Shape(shape->size());
  const auto steps = s.ints(4);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + static_cast<int64_t>(shape->size()) : (*axes)[i];
    Dim& dim = shape->at(static_cast<std::size_t>(axis));
    const int64_t step = steps ? (*steps)[i] : (s.has(4) ? 0 : 1);
    if (!dim.is_static() || !starts || !ends || step <= 0) {
      dim = Dim{};
      continue;
    }
    const auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + dim.value : v, 0, dim.value); };
    const int64_t span = clamp((*ends)[i]) - clamp((*starts)[i]);
    dim.value = std::max<int64_t>(0, (span + step - 1) / step);
  }
  return shape;
}

std::optional<Shape> matmul_shape(const NodeTypes& s) {
  auto a = s.shape(0);
  auto b = s.shape(1);
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  const bool vector_a = a->size() == 1;
  const bool vector_b = b->size() == 1;
  if (vector_a) a->insert(a->begin(), Dim{1, ""});
  if (vector_b) b->push_back(Dim{1, ""});
  Shape result = broadcast_shapes(Shape(a->begin(), a->end() - 2), Shape(b->begin(), b->end() - 2));
  if (!vector_a) result.push_back((*a)[a->size() - 2]);
  if (!vector_b) result.push_back(b->back());
  return result;
}

std::optional<Shape> gemm_shape(const NodeTypes& s) {
  const auto a = s.shape(0);
  const auto b = s.shape(1);
  if (!a || !b || a->size() != 2 || b->size() != 2) return std::nullopt;
  return Shape{(*a)[s.attribute("transA", 0) != 0 ? 1 : 0], (*b)[s.attribute("transB", 0) != 0 ? 0 : 1]};
}

std::optional<Shape> reduce_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  if (!shape) return std::nullopt;
  std::optional<Ints> axes = s.ints(1);
  if (const Attribute* attribute = s.node.find("axes")) axes = std::get<Ints>(attribute->value);
  if (s.has(1) && !axes) return std::nullopt;
  const bool keep = s.attribute("keepdims", 1) != 0;
  std::vector<bool> reduced(shape->size(), !axes || axes->empty());
  for (int64_t axis : axes.value_or(Ints{})) {
    reduced.at(static_cast<std::size_t>(axis < 0 ? axis + static_cast<int64_t>(shape->size()) : axis)) = true;
  }
  Shape result;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    if (!reduced[i]) result.push_back((*shape)[i]);
    if (reduced[i] && keep) result.push_back(Dim{1, ""});
  }
  return result;
}

std::optional<Shape> arg_shape(const NodeTypes& s) {
  auto shape = s.shape(0);
  if (!shape || shape->empty()) return std::nullopt;
  int64_t axis = s.attribute("axis", 0);
  axis = axis < 0 ? axis + static_cast<int64_t>(shape->size()) : axis;
  if (s.attribute("keepdims", 1) != 0) {
    shape->at(static_cast<std::size_t>(axis)) = Dim{1, ""};
  } else {
    shape->erase(shape->begin() + axis);
  }
  return shape;
}

std::optional<Shape> shape_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  if (!shape) return Shape{Dim{}};
  const auto rank = static_cast<int64_t>(shape->size());
  const auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  return Shape{Dim{std::max<int64_t>(0, clamp(s.attribute("end", rank)) - clamp(s.attribute("start", 0))), ""}};
}

std::optional<Shape> one_unknown_axis(const NodeTypes&) { return Shape{Dim{}}; }
std::optional<Shape> scalar_shape(const NodeTypes&) { return Shape{}; }

std::optional<Shape> filled_shape(const NodeTypes& s) {
  if (const auto sizes = s.ints(0)) {
    Shape result;
    for (int64_t size : *sizes) result.push_back(Dim{size, ""});
    return result;
  }
  const auto length = s.shape(0);
  if (!length || length->size() != 1 || !length->front().is_static()) return std::nullopt;
  return Shape(static_cast<std::size_t>(length->front().value));
}

std::optional<Shape> tile_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  return shape ? std::optional<Shape>(Shape(shape->size())) : std::nullopt;
}

std::optional<Shape> pad_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  const auto pads = s.ints(1);
  if (!shape || !pads || s.has(3) || pads->size() != 2 * shape->size()) return tile_shape(s);
  Shape result(shape->size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int64_t more = (*pads)[i] + (*pads)[i + result.size()];
    if ((*shape)[i].is_static()) result[i].value = std::max<int64_t>(0, (*shape)[i].value + more);
    if (more == 0) result[i] = (*shape)[i];
  }
  return result;
}

// [time, batch, features] and recurrence weights [directions, ...] to [time, directions, batch, hidden].
std::optional<Shape> recurrent_shape(const NodeTypes& s) {
  const auto x = s.shape(0);
  const auto weights = s.shape(2);
  if (!x || !weights || x->size() != 3 || weights->size() != 3 || s.attribute("layout", 0) != 0) return std::nullopt;
  return Shape{(*x)[0], (*weights)[0], (*x)[1], (*weights)[2]};
}

std::optional<Shape> nonzero_shape(const NodeTypes& s) {
  const auto shape = s.shape(0);
  if (!shape) return std::nullopt;
  return Shape{Dim{static_cast<int64_t>(shape->size()), ""}, Dim{}};
}

std::optional<Shape> onehot_shape(const NodeTypes& s) {
  const auto indices = s.shape(0);
  return indices ? std::optional<Shape>(Shape(indices->size() + 1)) : std::nullopt;
}

std::optional<Shape> gathernd_shape(const NodeTypes& s) {
  const auto data = s.shape(0);
  const auto indices = s.shape(1);
  if (!data || !indices || indices->empty() || !indices->back().is_static()) return std::nullopt;
  const auto batch = s.attribute("batch_dims", 0);
  Shape result(indices->begin(), indices->end() - 1);
  const auto skip = batch + indices->back().value;
  if (skip > static_cast<int64_t>(data->size())) return std::nullopt;
  result.insert(result.end(), data->begin() + skip, data->end());
  return result;
}

std::optional<Shape> index_shape(const NodeTypes& s) { return s.shape(1); }

}  // namespace

ShapeRule shape_rule(std::string_view op_type) {
  static const std::unordered_map<std::string_view, ShapeRule> rules = [] {
    std::unordered_map<std::string_view, ShapeRule> table = {
        {"Transpose", transpose_shape},
        {"Unsqueeze", unsqueeze_shape},
        {"Squeeze", squeeze_shape},
        {"Reshape", reshape_shape},
        {"Expand", expand_shape},
        {"Concat", concat_shape},
        {"Gather", gather_shape},
        {"Slice", slice_shape},
        {"MatMul", matmul_shape},
        {"Gemm", gemm_shape},
        {"ArgMax", arg_shape},
        {"ArgMin", arg_shape},
        {"Shape", shape_shape},
        {"Size", scalar_shape},
        {"Range", one_unknown_axis},
        {"Compress", one_unknown_axis},
        {"ConstantOfShape", filled_shape},
        {"Pad", pad_shape},
        {"Tile", tile_shape},
        {"LSTM", recurrent_shape},
        {"GRU", recurrent_shape},
        {"RNN", recurrent_shape},
        {"NonZero", nonzero_shape},
        {"OneHot", onehot_shape},
        {"GatherND", gathernd_shape},
        {"GatherElements", index_shape},
    };
    for (const char* op : {"Add",
                           "Sub",
                           "Mul",
                           "Div",
                           "Pow",
                           "Mod",
                           "Max",
                           "Min",
                           "Equal",
                           "Less",
                           "LessOrEqual",
                           "Greater",
                           "GreaterOrEqual",
                           "And",
                           "Or",
                           "Xor",
                           "Where",
                           "BitShift",
                           "BitwiseAnd",
                           "BitwiseOr",
                           "BitwiseXor",
                           "PRelu"}) {
      table[op] = broadcast_inputs;
    }
    for (const char* op : {"Cast",
                           "CastLike",
                           "Identity",
                           "Neg",
                           "Abs",
                           "Sqrt",
                           "Exp",
                           "Log",
                           "Cos",
                           "Sin",
                           "Tan",
                           "Tanh",
                           "Acos",
                           "Asin",
                           "Atan",
                           "Acosh",
                           "Asinh",
                           "Atanh",
                           "Cosh",
                           "Sinh",
                           "Floor",
                           "Ceil",
                           "Round",
                           "Sign",
                           "Reciprocal",
                           "Not",
                           "IsNaN",
                           "IsInf",
                           "Sigmoid",
                           "Relu",
                           "LeakyRelu",
                           "Elu",
                           "Selu",
                           "Celu",
                           "Gelu",
                           "HardSigmoid",
                           "HardSwish",
                           "Mish",
                           "Swish",
                           "Softplus",
                           "Softsign",
                           "ThresholdedRelu",
                           "Erf",
                           "Clip",
                           "Softmax",
                           "LogSoftmax",
                           "Hardmax",
                           "LayerNormalization",
                           "RMSNormalization",
                           "GroupNormalization",
                           "InstanceNormalization",
                           "BatchNormalization",
                           "LRN",
                           "LpNormalization",
                           "MeanVarianceNormalization",
                           "CumSum",
                           "CumProd",
                           "Trilu",
                           "ScatterElements",
                           "ScatterND",
                           "ReverseSequence",
                           "BitwiseNot",
                           "Dropout",
                           "Shrink",
                           "QuantizeLinear",
                           "DequantizeLinear",
                           "TensorScatter",
                           "RandomNormalLike",
                           "RandomUniformLike",
                           "Bernoulli",
                           "EyeLike",
                           "RotaryEmbedding"}) {
      table[op] = same_as_input;
    }
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                           "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
      table[op] = reduce_shape;
    }
    return table;
  }();
  const auto found = rules.find(op_type);
  return found == rules.end() ? nullptr : found->second;
}

}  // namespace modelexport::onnx::detail
