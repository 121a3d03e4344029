// Rotary position embedding as it is commonly written becomes one RotaryEmbedding (opset 23):
//   x * cos + concat(-x[h:], x[:h]) * sin,  h half of the last axis.
// The operator takes cosines and sines of one half, so both halves must be known to be equal: as constants, or because
// they are computed element by element from concat(angles, angles).
#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::kNoValue;
using onnx::ValueId;

constexpr int64_t kMinOpset = 23;

// x of shape [batch, heads, positions, size], turned by tables of shape [batch or 1, 1, positions, size].
struct Rotation {
  ValueId x = kNoValue;
  ValueId cos = kNoValue;
  ValueId sin = kNoValue;
};

// A half of x's last axis.
struct Half {
  ValueId x = kNoValue;
  bool is_second = false;
};

bool known_equal(const onnx::Dim& a, const onnx::Dim& b) { return a == b && (a.is_static() || !a.param.empty()); }

class RotaryFuser {
 public:
  explicit RotaryFuser(onnx::Model& model) : model_(model), uses_(model) {}

  bool run(onnx::Graph& graph) {
    bool changed = false;
    for (onnx::Node& node : graph.nodes) {
      for (auto& attribute : node.attributes) {
        if (auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) changed |= run(**body);
      }
    }
    halves_.clear();
    repeated_.clear();
    std::unordered_map<const onnx::Node*, std::vector<onnx::Node>> before;
    for (onnx::Node& node : graph.nodes) {
      changed |= fuse(node);
      if (!made_.empty()) before.emplace(&node, std::exchange(made_, {}));
    }
    if (before.empty()) return changed;
    std::vector<onnx::Node> nodes;
    for (onnx::Node& node : graph.nodes) {
      if (const auto added = before.find(&node); added != before.end()) {
        std::ranges::move(added->second, std::back_inserter(nodes));
      }
      nodes.push_back(std::move(node));
    }
    graph.nodes = std::move(nodes);
    return changed;
  }

 private:
  // Turns the Add at the end of the pattern into the operator.
  bool fuse(onnx::Node& add) {
    const auto rotation = match(add);
    if (!rotation) return false;
    const std::optional<ValueId> cos = table(rotation->cos, rotation->x, add);
    const std::optional<ValueId> sin = cos ? table(rotation->sin, rotation->x, add) : std::nullopt;
    if (!sin) return false;
    add.op_type = "RotaryEmbedding";
    add.inputs = {rotation->x, *cos, *sin};
    return true;
  }

  std::optional<Rotation> match(const onnx::Node& add) const {
    if (!is(add, "Add")) return std::nullopt;
    for (const auto& [straight, turned] : {std::pair(0, 1), std::pair(1, 0)}) {
      const onnx::Node* with_cos = only_for(add.inputs[static_cast<std::size_t>(straight)], add, "Mul");
      const onnx::Node* with_sin = only_for(add.inputs[static_cast<std::size_t>(turned)], add, "Mul");
      if (with_cos == nullptr || with_sin == nullptr) return std::nullopt;
      for (const std::size_t i : {0U, 1U}) {
        const ValueId x = rotated(with_sin->inputs[i], *with_sin);
        if (x == kNoValue) continue;
        for (const std::size_t j : {0U, 1U}) {
          const Rotation found{x, with_cos->inputs[1 - j], with_sin->inputs[1 - i]};
          if (with_cos->inputs[j] == x && fits(found)) return found;
        }
      }
    }
    return std::nullopt;
  }

  // x, when `id` is concat(-x[h:], x[:h]); kNoValue otherwise.
  [[nodiscard]] ValueId rotated(ValueId id, const onnx::Node& reader) const {
    const onnx::Node* concat = only_for(id, reader, "Concat");
    if (concat == nullptr || concat->inputs.size() != 2 || !is_last_axis(*concat, id)) return kNoValue;
    const onnx::Node* negated = only_for(concat->inputs[0], *concat, "Neg");
    if (negated == nullptr) return kNoValue;
    const Half second = half(negated->inputs[0]);
    const Half first = half(concat->inputs[1]);
    return second.is_second && !first.is_second && first.x == second.x ? first.x : kNoValue;
  }

  [[nodiscard]] Half half(ValueId id) const {
    const onnx::Node* node = uses_.producer[id].node;
    if (node == nullptr || node->inputs.empty()) return {};
    const ValueId x = node->inputs[0];
    const int64_t whole = last_size(x);
    if (whole <= 0 || last_size(id) * 2 != whole) return {};
    if (is(*node, "Split") && node->outputs.size() == 2 && is_last_axis(*node, x)) return {x, node->outputs[1] == id};
    if (!is(*node, "Slice") || node->inputs.size() < 4) return {};
    const auto starts = ints(node->inputs[1]);
    const auto axes = ints(node->inputs[3]);
    const auto rank = static_cast<int64_t>(model_.values[x].shape->size());
    if (!starts || !axes || starts->size() != 1 || (axes->front() + rank) % rank != rank - 1) return {};
    if (node->inputs.size() > 4 && ints(node->inputs[4]) != std::vector<int64_t>{1}) return {};
    if (starts->front() == 0) return {x, false};
    return starts->front() * 2 == whole ? Half{x, true} : Half{};
  }

  [[nodiscard]] bool fits(const Rotation& r) const {
    const onnx::Value& x = model_.values[r.x];
    if (x.dtype != DType::Float32 && x.dtype != DType::Float16 && x.dtype != DType::BFloat16) return false;
    return std::ranges::all_of(std::vector{r.cos, r.sin}, [&](ValueId id) {
      const onnx::Value& table = model_.values[id];
      if (!x.shape || !table.shape || x.shape->size() != 4 || table.shape->size() != 4) return false;
      const auto& sizes = *table.shape;
      return table.dtype == x.dtype && sizes[1] == onnx::Dim{1, ""} && known_equal(sizes[2], (*x.shape)[2]) &&
             known_equal(sizes[3], (*x.shape)[3]) &&
             (sizes[0] == onnx::Dim{1, ""} || known_equal(sizes[0], (*x.shape)[0]));
    });
  }

  // The table of one half, [batch, positions, size / 2], that is equal to both halves of `whole`.
  std::optional<ValueId> table(ValueId whole, ValueId x, const onnx::Node& user) {
    std::optional<ValueId> half = constant_half(whole);
    if (!half) half = computed_half(whole);
    if (!half) return std::nullopt;
    const onnx::Dim batch = model_.values[x].shape->front();
    if (model_.values[*half].shape->front() == batch) return half;
    ValueId& result = repeated_.try_emplace({*half, batch.value, batch.param}, kNoValue).first->second;
    if (result == kNoValue) result = repeated(*half, x, user);
    return result;
  }

  std::optional<ValueId> constant_half(ValueId whole) {
    const int32_t index = model_.values[whole].initializer;
    if (index < 0) return std::nullopt;
    TensorView data = model_.initializers[static_cast<std::size_t>(index)].data;
    if (data.storage == nullptr) return std::nullopt;
    const auto numbers = data.numel() <= onnx::kMaxFoldedElements ? onnx::read_doubles(data) : std::nullopt;
    if (!numbers) return std::nullopt;
    const auto size = static_cast<std::size_t>(data.sizes[3]);
    for (auto row = numbers->begin(); row != numbers->end(); row += static_cast<std::ptrdiff_t>(size)) {
      const auto middle = row + static_cast<std::ptrdiff_t>(size / 2);
      if (!std::equal(row, middle, middle)) return std::nullopt;
    }
    data.sizes = {data.sizes[0], data.sizes[2], data.sizes[3] / 2};
    data.strides = {data.strides[0], data.strides[2], data.strides[3]};
    // Each layer may see the same numbers in a constant of its own.
    const auto [known, is_new] = constants_.try_emplace({data.bytes(), data.sizes, data.strides}, kNoValue);
    if (is_new) known->second = add_constant(std::move(data));
    return known->second;
  }

  std::optional<ValueId> computed_half(ValueId whole) {
    const onnx::Node* unsqueeze = uses_.producer[whole].node;
    if (unsqueeze == nullptr || !is(*unsqueeze, "Unsqueeze")) return std::nullopt;
    const auto axes = ints(unsqueeze->inputs[1]);
    if (!axes || axes->size() != 1 || (axes->front() + 4) % 4 != 1) return std::nullopt;
    return computed_from_half(unsqueeze->inputs[0]);
  }

  // What computes `id` element by element from concat(half, half), computed from that half.
  std::optional<ValueId> computed_from_half(ValueId id) {
    const onnx::Node* node = uses_.producer[id].node;
    if (node == nullptr || node->inputs.empty()) return std::nullopt;
    if (is(*node, "Concat")) {
      const bool is_twice = node->inputs.size() == 2 && node->inputs[0] == node->inputs[1];
      return is_twice && is_last_axis(*node, id) ? std::optional(node->inputs[0]) : std::nullopt;
    }
    const bool is_scaled = (is(*node, "Mul") || is(*node, "Div")) && is_number(node->inputs[1]);
    if (!is_scaled && !is(*node, "Cos") && !is(*node, "Sin") && !is(*node, "Cast")) return std::nullopt;
    if (const auto known = halves_.find(id); known != halves_.end()) return known->second;
    const auto from = computed_from_half(node->inputs[0]);
    if (!from) return std::nullopt;
    onnx::Node copy = *node;
    copy.inputs[0] = *from;
    onnx::Shape shape = *model_.values[id].shape;
    shape.back().value /= 2;
    return halves_[id] = add_node(std::move(copy), model_.values[id].dtype, std::move(shape));
  }

  // `table` of batch 1 for the batch of x.
  ValueId repeated(ValueId table, ValueId x, const onnx::Node& user) {
    onnx::Shape shape = *model_.values[table].shape;
    shape.front() = model_.values[x].shape->front();
    ValueId sizes = kNoValue;
    if (shape.front().is_static()) {
      sizes = add_ints({shape.front().value, 1, 1});
    } else {
      const ValueId batch =
          add_node(stamped("Shape", {x}, {{"start", int64_t{0}}, {"end", int64_t{1}}}, user), DType::Int64, {{1, ""}});
      const ValueId ones = add_ints({1, 1});
      sizes = add_node(stamped("Concat", {batch, ones}, {{"axis", int64_t{0}}}, user), DType::Int64, {{3, ""}});
    }
    const DType dtype = model_.values[table].dtype;
    return add_node(stamped("Expand", {table, sizes}, {}, user), dtype, std::move(shape));
  }

  // ---- looking around ----------------------------------------------------------------------------------------------

  // The node that makes `id` for `reader` alone, in the same module call, when it is an `op_type`; else null.
  const onnx::Node* only_for(ValueId id, const onnx::Node& reader, std::string_view op_type) const {
    const onnx::Node* node = uses_.producer[id].node;
    if (node == nullptr || !is(*node, op_type) || uses_.count[id] != 1) return nullptr;
    return node->scope == reader.scope ? node : nullptr;
  }

  std::optional<std::vector<int64_t>> ints(ValueId id) const {
    const int32_t index = model_.values[id].initializer;
    if (index < 0) return std::nullopt;
    return onnx::read_ints(model_.initializers[static_cast<std::size_t>(index)].data);
  }

  bool is_number(ValueId id) const {
    const int32_t index = model_.values[id].initializer;
    return index >= 0 && model_.initializers[static_cast<std::size_t>(index)].data.numel() == 1;
  }

  // The size of the last axis; -1 when it is not known.
  int64_t last_size(ValueId id) const {
    const auto& shape = model_.values[id].shape;
    return shape && !shape->empty() ? shape->back().value : -1;
  }

  bool is_last_axis(const onnx::Node& node, ValueId of) const {
    const auto& shape = model_.values[of].shape;
    const onnx::Attribute* axis = node.find("axis");
    if (!shape || axis == nullptr) return false;
    const int64_t value = std::get<int64_t>(axis->value);
    return value == -1 || value == static_cast<int64_t>(shape->size()) - 1;
  }

  // ---- making ------------------------------------------------------------------------------------------------------

  static onnx::Node stamped(const char* op_type, std::vector<ValueId> inputs, std::vector<onnx::Attribute> attributes,
                            const onnx::Node& like) {
    onnx::Node node;
    node.op_type = op_type;
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.scope = like.scope;
    node.provenance = like.provenance;
    node.origin = like.origin;
    return node;
  }

  ValueId add_node(onnx::Node node, DType dtype, onnx::Shape shape) {
    onnx::Value value;
    value.dtype = dtype;
    value.shape = std::move(shape);
    node.outputs = {model_.add_value(std::move(value))};
    made_.push_back(std::move(node));
    return made_.back().outputs.front();
  }

  ValueId add_ints(const std::vector<int64_t>& numbers) {
    std::vector<std::byte> bytes(numbers.size() * sizeof(int64_t));
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return add_constant(make_tensor(DType::Int64, {static_cast<int64_t>(numbers.size())}, std::move(bytes)));
  }

  ValueId add_constant(TensorView data) {
    onnx::Value value;
    value.dtype = data.dtype;
    value.shape.emplace();
    for (const int64_t size : data.sizes) value.shape->push_back({size, ""});
    value.initializer = static_cast<int32_t>(model_.initializers.size());
    const ValueId id = model_.add_value(std::move(value));
    onnx::Initializer initializer;
    initializer.value = id;
    initializer.data = std::move(data);
    model_.initializers.push_back(std::move(initializer));
    return id;
  }

  onnx::Model& model_;
  Uses uses_;
  std::unordered_map<ValueId, ValueId> halves_;  // of values with two equal halves
  std::map<std::tuple<const std::byte*, std::vector<int64_t>, std::vector<int64_t>>, ValueId> constants_;
  std::map<std::tuple<ValueId, int64_t, std::string>, ValueId> repeated_;  // by table and batch
  std::vector<onnx::Node> made_;                                           // before the node being looked at
};

int64_t opset_of(const onnx::Model& model) {
  const auto found = std::ranges::find(model.opsets, "", &onnx::OpsetImport::domain);
  return found == model.opsets.end() ? 0 : found->version;
}

}  // namespace

bool fuse_rotary(onnx::Model& model, const PassContext&) {
  return opset_of(model) >= kMinOpset && RotaryFuser(model).run(model.graph);
}

}  // namespace modelexport::passes
