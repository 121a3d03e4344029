// One projection for queries, keys and values that is taken apart behind it becomes one projection each, of a part of
// the weight: taking results apart copies them at every run. The parts are views of the bytes of the weight.
//
//   x -- MatMul (Add) -- Reshape [..., parts, rest] (Transpose) -- Gather part 0, 1, ...
//   x -- MatMul (Add) -- Reshape [..., rest] (Transpose)    for each part
#include <algorithm>
#include <string>
#include <unordered_map>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::Node;
using onnx::ValueId;
using Ints = std::vector<int64_t>;

// A projection and what takes it apart.
struct Projection {
  const Node* product = nullptr;
  const Node* sum = nullptr;    // null without a bias
  std::vector<ValueId> biases;  // of each part
  const Node* reshape = nullptr;
  const Node* transpose = nullptr;  // null when the axis of the parts is gathered where it is
  std::vector<Node*> gathers;
  std::size_t axis = 0;  // of the parts in the reshaped result
  int64_t parts = 0;
  int64_t width = 0;  // of each part
};

class ProjectionSplitter {
 public:
  ProjectionSplitter(onnx::Model& model, const PassContext& context)
      : model_(model), context_(context), uses_(model), readers_(model) {}

  bool run() {
    for (const Node& node : model_.graph.nodes) {
      if (auto found = projection(node)) split(*found);
    }
    if (made_.empty()) return false;
    replace_nodes(model_.graph, made_);
    return true;
  }

 private:
  // What alone reads the result of `node`.
  [[nodiscard]] Node* only_reader(const Node& node) const {
    const ValueId out = node.outputs[0];
    return uses_.count[out] == 1 && readers_.of[out].size() == 1 ? readers_.of[out].front() : nullptr;
  }

  [[nodiscard]] std::optional<Projection> projection(const Node& product) const {
    Projection found;
    found.product = &product;
    if (!is(product, "MatMul") || !is_own_weight(product.inputs[1], 2)) return std::nullopt;
    const Node* next = only_reader(product);
    if (next != nullptr && is(*next, "Add")) {
      found.sum = next;
      next = only_reader(*next);
    }
    if (next == nullptr || !is(*next, "Reshape")) return std::nullopt;
    found.reshape = next;
    const Node* parted = next;
    next = only_reader(*next);
    if (next != nullptr && is(*next, "Transpose")) parted = found.transpose = next;
    if (!find_gathers(*parted, found) || !find_axis(found) || !find_biases(found)) return std::nullopt;
    return found;
  }

  // A parameter of this rank that nothing else reads.
  [[nodiscard]] bool is_own_weight(ValueId id, std::size_t rank) const {
    const onnx::Initializer* weight = model_.initializer_of(id);
    return weight != nullptr && weight->data.storage != nullptr && weight->data.sizes.size() == rank &&
           uses_.count[id] == 1;
  }

  // All that read the parts are Gathers of one part each, along the same axis.
  [[nodiscard]] bool find_gathers(const Node& parted, Projection& found) const {
    const ValueId whole = parted.outputs[0];
    if (uses_.count[whole] != readers_.of[whole].size() || uses_.count[whole] < 2) return false;
    for (Node* reader : readers_.of[whole]) {
      const bool is_here = uses_.producer[reader->outputs[0]].graph == &model_.graph;
      if (!is_here || !is(*reader, "Gather") || reader->inputs[0] != whole || !part(*reader)) return false;
      if (axis(*reader) != axis(*readers_.of[whole].front())) return false;
      found.gathers.push_back(reader);
    }
    const int64_t gathered = axis(*found.gathers.front());
    const onnx::Attribute* perm = found.transpose == nullptr ? nullptr : found.transpose->find("perm");
    if (gathered < 0 || (found.transpose != nullptr && perm == nullptr)) return false;
    found.axis = static_cast<std::size_t>(
        perm == nullptr ? gathered : std::get<Ints>(perm->value)[static_cast<std::size_t>(gathered)]);
    return true;
  }

  [[nodiscard]] static int64_t axis(const Node& gather) {
    const onnx::Attribute* axis = gather.find("axis");
    return axis == nullptr ? 0 : std::get<int64_t>(axis->value);
  }

  // The number of the part, when it is one.
  [[nodiscard]] std::optional<int64_t> part(const Node& gather) const {
    const onnx::Initializer* index = model_.initializer_of(gather.inputs[1]);
    if (index == nullptr || !index->data.sizes.empty()) return std::nullopt;
    const auto numbers = onnx::read_ints(index->data);
    return numbers && numbers->front() >= 0 ? std::optional(numbers->front()) : std::nullopt;
  }

  // The axes from that of the parts on are together the last one of the product; of those in front, one may be known at
  // run time only.
  [[nodiscard]] bool find_axis(Projection& found) const {
    const auto& shape = model_.values[found.reshape->outputs[0]].shape;
    if (!shape || found.axis >= shape->size()) return false;
    int64_t product = 1;
    for (std::size_t i = found.axis; i < shape->size(); ++i) product *= (*shape)[i].value;
    const Ints& weight = model_.initializer_of(found.product->inputs[1])->data.sizes;
    const auto is_unknown = [](const onnx::Dim& dim) { return !dim.is_static(); };
    if (std::any_of(shape->begin(), shape->end(), [](const onnx::Dim& dim) { return dim.value == 0; })) return false;
    found.parts = (*shape)[found.axis].value;
    if (product != weight[1] || found.parts < 2 || std::count_if(shape->begin(), shape->end(), is_unknown) > 1 ||
        std::any_of(shape->begin() + static_cast<std::ptrdiff_t>(found.axis), shape->end(), is_unknown) ||
        static_cast<int64_t>(found.gathers.size()) > found.parts) {
      return false;
    }
    found.width = weight[1] / found.parts;
    return true;
  }

  // The bias is a weight too, or put together of one a part.
  [[nodiscard]] bool find_biases(Projection& found) const {
    if (found.sum == nullptr) return true;
    const ValueId bias = found.sum->inputs[found.sum->inputs[0] == found.product->outputs[0] ? 1 : 0];
    if (is_own_weight(bias, 1) && model_.initializer_of(bias)->data.sizes[0] == found.parts * found.width) {
      found.biases.assign(static_cast<std::size_t>(found.parts), bias);
      return true;
    }
    const Node* concat = uses_.producer[bias].node;
    if (concat == nullptr || !is(*concat, "Concat")) return false;
    found.biases = concat->inputs;
    const auto fits = [&](ValueId id) { return model_.values[id].shape == onnx::static_shape({found.width}); };
    return static_cast<int64_t>(found.biases.size()) == found.parts &&
           std::all_of(found.biases.begin(), found.biases.end(), fits);
  }

  void split(const Projection& found) {
    for (Node* gather : found.gathers) made_[gather] = part_of(found, *gather);
  }

  // The nodes that give what `gather` gave.
  std::vector<Node> part_of(const Projection& found, const Node& gather) {
    const int64_t number = *part(gather);
    std::vector<Node> nodes;
    const onnx::Shape rows = *model_.values[found.product->outputs[0]].shape;
    onnx::Shape shape(rows.begin(), rows.end() - 1);
    shape.push_back({found.width, ""});
    add(nodes, *found.product, {found.product->inputs[0], weight_part(found.product->inputs[1], found, number)}, shape);
    if (found.sum != nullptr) {
      const ValueId bias = found.biases[static_cast<std::size_t>(number)];
      const bool is_whole = model_.values[bias].shape->front().value != found.width;
      add(nodes, *found.sum, {last(nodes), is_whole ? weight_part(bias, found, number) : bias}, shape);
    }
    onnx::Shape parted = *model_.values[found.reshape->outputs[0]].shape;
    parted.erase(parted.begin() + static_cast<std::ptrdiff_t>(found.axis));
    add(nodes, *found.reshape, {last(nodes), sizes(parted)}, parted);
    nodes.back().attributes.clear();
    if (found.transpose != nullptr) {
      add(nodes, *found.transpose, {last(nodes)}, *model_.values[gather.outputs[0]].shape);
      auto& perm = std::get<Ints>(nodes.back().attributes.front().value);
      std::erase(perm, static_cast<int64_t>(found.axis));
      for (int64_t& from : perm) from -= from > static_cast<int64_t>(found.axis) ? 1 : 0;
    }
    nodes.back().outputs = gather.outputs;
    share(nodes.back(), gather, context_);
    return nodes;
  }

  // A node as `like`, with another operand and result.
  void add(std::vector<Node>& nodes, const Node& like, std::vector<ValueId> inputs, const onnx::Shape& shape) {
    onnx::Value value;
    value.dtype = model_.values[like.outputs[0]].dtype;
    value.shape = shape;
    Node& node = nodes.emplace_back(like);
    node.inputs = std::move(inputs);
    node.outputs = {model_.add_value(std::move(value))};
  }

  static ValueId last(const std::vector<Node>& nodes) { return nodes.back().outputs.front(); }

  // Columns of a matrix, or elements of a vector.
  ValueId weight_part(ValueId id, const Projection& found, int64_t number) {
    const onnx::Initializer whole = *model_.initializer_of(id);
    TensorView view = whole.data;
    view.sizes.back() = found.width;
    view.offset += number * found.width * view.strides.back();
    const std::string name = model_.values[id].name;
    onnx::Initializer& part = model_.add_initializer(name + "_part_" + std::to_string(number), std::move(view));
    part.source = whole.source.empty() ? name : whole.source;
    part.is_parameter = whole.is_parameter;
    return part.value;
  }

  ValueId sizes(const onnx::Shape& shape) {
    Ints numbers;
    for (const onnx::Dim& dim : shape) numbers.push_back(dim.value);
    return add_ints(model_, numbers);
  }

  onnx::Model& model_;
  const PassContext& context_;
  const Uses uses_;
  const Readers readers_;
  std::unordered_map<const Node*, std::vector<Node>> made_;  // in place of a Gather
};

}  // namespace

bool split_projections(onnx::Model& model, const PassContext& context) {
  return ProjectionSplitter(model, context).run();
}

}  // namespace modelexport::passes
