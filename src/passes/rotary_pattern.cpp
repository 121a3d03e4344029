#include "passes/rotary_pattern.h"

#include <algorithm>

#include "onnx/evaluate.h"

namespace modelexport::passes {

using onnx::kNoValue;
using onnx::ValueId;

std::optional<Rotation> RotaryPattern::rotation(const onnx::Node& node) const {
  return is(node, "Add") ? of_whole(node) : of_halves(node);
}

// x * cos + join(-second(x), first(x)) * sin
std::optional<Rotation> RotaryPattern::of_whole(const onnx::Node& add) const {
  for (const auto& [straight, turned] : {std::pair(0U, 1U), std::pair(1U, 0U)}) {
    const onnx::Node* with_cos = only_for(add.inputs[straight], add, "Mul");
    const onnx::Node* with_sin = only_for(add.inputs[turned], add, "Mul");
    if (with_cos == nullptr || with_sin == nullptr) return std::nullopt;
    for (const std::size_t i : {0U, 1U}) {
      const onnx::Node* joint = only_for(with_sin->inputs[i], *with_sin);
      const auto join = joint == nullptr ? std::nullopt : joined(*joint);
      const onnx::Node* negated = join ? producer(join->first) : nullptr;
      if (negated == nullptr || !is(*negated, "Neg") || negated->scope != add.scope) continue;
      const auto second = half(negated->inputs[0], add);
      const auto first = half(join->second, add);
      if (!first || second != Half{first->x, true, join->interleaved} || first->is_second) continue;
      for (const std::size_t j : {0U, 1U}) {
        if (with_cos->inputs[j] != first->x) continue;
        return Rotation{first->x, with_cos->inputs[1 - j], with_sin->inputs[1 - i], join->interleaved, true};
      }
    }
  }
  return std::nullopt;
}

// join(first(x) * cos - second(x) * sin, second(x) * cos + first(x) * sin)
std::optional<Rotation> RotaryPattern::of_halves(const onnx::Node& join) const {
  const auto parts = joined(join);
  const onnx::Node* real = parts ? producer(parts->first) : nullptr;
  const onnx::Node* imaginary = parts ? producer(parts->second) : nullptr;
  if (real == nullptr || imaginary == nullptr || !is(*real, "Sub") || !is(*imaginary, "Add") ||
      real->scope != join.scope || imaginary->scope != join.scope) {
    return std::nullopt;
  }
  const std::vector<Product> difference = products(*real);
  const std::vector<Product> sum = products(*imaginary);
  if (difference.size() != 2 || sum.size() != 2) return std::nullopt;
  const auto& [first, cos] = difference[0];
  const auto& [second, sin] = difference[1];
  if (first.is_second || second != Half{first.x, true, parts->interleaved} || first.interleaved != parts->interleaved ||
      !std::ranges::is_permutation(sum, std::vector<Product>{{second, cos}, {first, sin}})) {
    return std::nullopt;
  }
  return Rotation{first.x, cos, sin, parts->interleaved, false};
}

std::optional<Joined> RotaryPattern::joined(const onnx::Node& node) const {
  if (node.outputs.empty()) return std::nullopt;
  const ValueId id = node.outputs.front();
  if (is(node, "Concat") && node.inputs.size() == 2 && is_last_axis(node, id)) {
    return Joined{node.inputs[0], node.inputs[1], false};
  }
  if (!is(node, "Reshape") || !is_flattened(node.inputs[0], id)) return std::nullopt;
  const onnx::Node* pairs = only_for(node.inputs[0], node, "Concat");
  if (pairs == nullptr || pairs->inputs.size() != 2 || !is_last_axis(*pairs, node.inputs[0])) return std::nullopt;
  const int64_t axis = rank(id);
  const Joined found{without_axis(pairs->inputs[0], axis), without_axis(pairs->inputs[1], axis), true};
  return found.first != kNoValue && found.second != kNoValue ? std::optional(found) : std::nullopt;
}

std::optional<ValueId> RotaryPattern::repeated(ValueId id, bool interleaved) const {
  const onnx::Node* flat = producer(id);
  if (flat == nullptr) return std::nullopt;
  if (const auto join = joined(*flat)) {
    return join->first == join->second && join->interleaved == interleaved ? std::optional(join->first) : std::nullopt;
  }
  if (!interleaved || !is(*flat, "Reshape") || !is_flattened(flat->inputs[0], id)) {
    return std::nullopt;
  }
  const onnx::Node* pairs = producer(flat->inputs[0]);
  if (pairs == nullptr || !is(*pairs, "Expand")) return std::nullopt;
  const ValueId once = without_axis(pairs->inputs[0], rank(id));
  if (once == kNoValue || rank(once) != rank(id)) return std::nullopt;
  const onnx::Shape& sizes = *model_.values[once].shape;
  return std::ranges::equal(sizes.begin(), sizes.end(), model_.values[flat->inputs[0]].shape->begin(),
                            model_.values[flat->inputs[0]].shape->end() - 1, known_equal)
             ? std::optional(once)
             : std::nullopt;
}

std::optional<Part> RotaryPattern::part(ValueId id, const onnx::Node& reader) const {
  const onnx::Node* node = producer(id);
  if (node == nullptr || node->inputs.empty() || node->scope != reader.scope) return std::nullopt;
  Part found{node->inputs[0], 0, last_size(id), 1};
  if (found.size < 0 || last_size(found.x) < 0) return std::nullopt;
  if (is(*node, "Split") && is_last_axis(*node, found.x)) {
    for (const ValueId output : node->outputs) {
      if (output == id) return found;
      if (last_size(output) < 0) return std::nullopt;
      found.start += last_size(output);
    }
  }
  if (!is(*node, "Slice") || node->inputs.size() < 4) return std::nullopt;
  const auto starts = ints(node->inputs[1]);
  const auto axes = ints(node->inputs[3]);
  const auto steps = node->inputs.size() > 4 ? ints(node->inputs[4]) : std::vector<int64_t>{1};
  if (!starts || !axes || !steps || axes->size() != 1 || (axes->front() + rank(id)) % rank(id) != rank(id) - 1) {
    return std::nullopt;
  }
  found.start = starts->front() + (starts->front() < 0 ? last_size(found.x) : 0);
  found.step = steps->front();
  return found.start >= 0 && found.step > 0 ? std::optional(found) : std::nullopt;
}

std::optional<RotaryPattern::Half> RotaryPattern::half(ValueId id, const onnx::Node& reader) const {
  const auto found = part(id, reader);
  if (!found || found->size == 0 || found->size * 2 != last_size(found->x)) return std::nullopt;
  if (found->step == 1 && found->start % found->size == 0) return Half{found->x, found->start != 0, false};
  if (found->step == 2 && found->start < 2) return Half{found->x, found->start == 1, true};
  return std::nullopt;
}

// The two products of `sum`, an Add or a Sub, of a half with a table.
std::vector<RotaryPattern::Product> RotaryPattern::products(const onnx::Node& sum) const {
  std::vector<Product> found;
  for (const ValueId term : sum.inputs) {
    const onnx::Node* product = only_for(term, sum, "Mul");
    if (product == nullptr) return {};
    const auto left = half(product->inputs[0], sum);
    const auto right = half(product->inputs[1], sum);
    if (left.has_value() == right.has_value()) return {};  // a table may itself be half of something
    found.push_back(left ? Product{*left, product->inputs[1]} : Product{*right, product->inputs[0]});
  }
  return found;
}

// Whether `flat` is `pairs`, [..., size, 2], as [..., size * 2].
bool RotaryPattern::is_flattened(ValueId pairs, ValueId flat) const {
  if (rank(flat) < 1 || rank(pairs) != rank(flat) + 1 || last_size(pairs) != 2) return false;
  const onnx::Shape& from = *model_.values[pairs].shape;
  const onnx::Shape& to = *model_.values[flat].shape;
  return std::equal(to.begin(), to.end() - 1, from.begin(), known_equal) && from[to.size() - 1].is_static() &&
         from[to.size() - 1].value * 2 == to.back().value;
}

const onnx::Node* RotaryPattern::producer(ValueId id) const {
  return id < uses_.producer.size() ? uses_.producer[id].node : nullptr;
}

const onnx::Node* RotaryPattern::only_for(ValueId id, const onnx::Node& reader, std::string_view op_type) const {
  const onnx::Node* node = producer(id);
  if (node == nullptr || uses_.count[id] != 1 || (!op_type.empty() && !is(*node, op_type))) return nullptr;
  return node->scope == reader.scope ? node : nullptr;
}

ValueId RotaryPattern::without_axis(ValueId id, int64_t axis) const {
  const onnx::Node* node = producer(id);
  if (node == nullptr || !is(*node, "Unsqueeze") || rank(id) <= 0) return kNoValue;
  const auto axes = ints(node->inputs[1]);
  const bool is_that = axes && axes->size() == 1 && (axes->front() + rank(id)) % rank(id) == axis;
  return is_that ? node->inputs[0] : kNoValue;
}

const TensorView* RotaryPattern::constant(ValueId id) const {
  const onnx::Initializer* initializer = model_.initializer_of(id);
  return initializer == nullptr || initializer->data.storage == nullptr ? nullptr : &initializer->data;
}

bool RotaryPattern::is_last_axis(const onnx::Node& node, ValueId of) const {
  const onnx::Attribute* axis = node.find("axis");
  if (axis == nullptr || rank(of) < 1) return false;
  const int64_t value = std::get<int64_t>(axis->value);
  return value == -1 || value == rank(of) - 1;
}

std::optional<std::vector<int64_t>> RotaryPattern::ints(ValueId id) const {
  const TensorView* data = constant(id);
  return data == nullptr ? std::nullopt : onnx::read_ints(*data);
}

int64_t RotaryPattern::rank(ValueId id) const {
  const auto& shape = model_.values[id].shape;
  return shape ? static_cast<int64_t>(shape->size()) : -1;
}

int64_t RotaryPattern::last_size(ValueId id) const { return rank(id) > 0 ? model_.values[id].shape->back().value : -1; }

}  // namespace modelexport::passes
