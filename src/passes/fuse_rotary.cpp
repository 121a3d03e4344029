// Rotary position embedding as it is commonly written (rotary_pattern.h) becomes one RotaryEmbedding (opset 23).
//
// The operator takes the cosine and the sine of every angle once, [batch, positions, size / 2]. Where the program has
// them twice, they must be known to be twice the same: as constants, or because they are computed element by element
// from one table repeated. It takes x as [batch, heads, positions, size] or, with the heads behind the positions, as
// [batch, positions, heads * size]. When only the first elements of the last axis are turned and the others put behind
// them, it does that too.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/rotary_pattern.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::kNoValue;
using onnx::ValueId;

constexpr int64_t kMinOpset = 23;
constexpr std::size_t kRank = 4;  // of x

// A rotation in the operator's terms.
struct Turn {
  ValueId x = kNoValue;
  ValueId cos = kNoValue;
  ValueId sin = kNoValue;
  bool interleaved = false;
  std::size_t heads_axis = 1;
  int64_t size = 0;  // of the elements turned, when that is not all of the last axis
};

class RotaryFuser {
 public:
  RotaryFuser(onnx::Model& model, const PassContext& context) : model_(model), context_(context), pattern_(model) {}

  bool run(onnx::Graph& graph) {
    bool changed = false;
    for (onnx::Node& node : graph.nodes) {
      for (auto& attribute : node.attributes) {
        if (auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute.value)) changed |= run(**body);
      }
    }
    halves_.clear();
    repeated_.clear();
    squeezed_.clear();
    turns_.clear();
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
  // Turns the node at the end of the pattern into the operator.
  bool fuse(onnx::Node& node) {
    std::optional<Turn> turn = whole_turn(node);
    if (!turn) turn = partial_turn(node);
    if (!turn) return false;
    turns_[node.outputs.front()] = *turn;
    write(node, *turn);
    return true;
  }

  std::optional<Turn> whole_turn(const onnx::Node& node) {
    const auto rotation = pattern_.rotation(node);
    const auto heads_axis = rotation ? heads_axis_of(*rotation) : std::nullopt;
    if (!heads_axis) return std::nullopt;
    Turn turn{rotation->x, kNoValue, kNoValue, rotation->interleaved, *heads_axis, 0};
    for (const auto& [given, table] : {std::pair(rotation->cos, &turn.cos), std::pair(rotation->sin, &turn.sin)}) {
      const auto narrow = narrow_table(given, *rotation, turn.heads_axis, node);
      if (!narrow) return std::nullopt;
      *table = *narrow;
    }
    return turn;
  }

  // concat(turned(x[..., :size]), x[..., size:])
  std::optional<Turn> partial_turn(const onnx::Node& node) const {
    if (!is(node, "Concat") || node.inputs.size() != 2 || !pattern_.is_last_axis(node, node.outputs[0])) {
      return std::nullopt;
    }
    const auto known = turns_.find(node.inputs[0]);
    if (known == turns_.end() || pattern_.only_for(node.inputs[0], node) == nullptr) return std::nullopt;
    Turn turn = known->second;
    const auto turned = pattern_.part(turn.x, node);
    const auto rest = pattern_.part(node.inputs[1], node);
    if (!turned || !rest || turned->x != rest->x || turned->start != 0 || turned->step != 1 || rest->step != 1 ||
        rest->start != turned->size || rest->size + turned->size != pattern_.last_size(turned->x) ||
        pattern_.last_size(turned->x) % 2 != 0 || turn.size != 0) {
      return std::nullopt;
    }
    turn.x = turned->x;
    turn.size = turned->size;
    return turn;
  }

  // Which axis of x is that of the heads: the one over which the tables are the same; nothing when the operator has
  // no such form.
  [[nodiscard]] std::optional<std::size_t> heads_axis_of(const Rotation& r) const {
    const onnx::Value& x = model_.values[r.x];
    if (x.dtype != DType::Float32 && x.dtype != DType::Float16 && x.dtype != DType::BFloat16) return std::nullopt;
    if (!x.shape || x.shape->size() != kRank) return std::nullopt;
    const onnx::Dim one{1, ""};
    const auto fits = [&](ValueId id, std::size_t heads) {
      const onnx::Value& table = model_.values[id];
      if (table.dtype != x.dtype || !table.shape || table.shape->empty() || table.shape->size() > kRank) return false;
      onnx::Shape sizes(kRank - table.shape->size(), one);
      std::ranges::copy(*table.shape, std::back_inserter(sizes));
      const std::size_t positions = 3 - heads;
      return sizes[heads] == one && known_equal(sizes[positions], (*x.shape)[positions]) &&
             sizes[3].value * (r.angles_twice ? 1 : 2) == (*x.shape)[3].value &&
             (sizes[0] == one || known_equal(sizes[0], (*x.shape)[0]));
    };
    for (const std::size_t heads : {1U, 2U}) {
      if (fits(r.cos, heads) && fits(r.sin, heads) && (heads == 1 || (*x.shape)[heads].is_static())) return heads;
    }
    return std::nullopt;
  }

  // ---- the tables --------------------------------------------------------------------------------------------------

  // The table of every angle once, [batch, positions, size / 2], that `given` is made of.
  std::optional<ValueId> narrow_table(ValueId given, const Rotation& r, std::size_t heads_axis,
                                      const onnx::Node& user) {
    const auto rank = static_cast<std::size_t>(pattern_.rank(given));
    const bool has_heads = heads_axis + rank >= kRank;
    const auto axis = static_cast<int64_t>(heads_axis + rank) - static_cast<int64_t>(kRank);
    const std::optional<ValueId> without = has_heads ? without_axis(given, axis, user) : std::nullopt;
    ValueId table = without.value_or(given);
    if (r.angles_twice && !has_angles_twice(table, r.interleaved)) return std::nullopt;
    if (r.angles_twice) table = halved(table, r.interleaved, user);
    if (has_heads && !without) {
      const std::optional<ValueId> flat = without_axis(table, axis, user);
      table = flat ? *flat : squeezed(table, axis, user);
    }
    return for_batch(table, r.x, user);
  }

  // `id` without an axis of size 1, where that needs no node.
  std::optional<ValueId> without_axis(ValueId id, int64_t axis, const onnx::Node& user) {
    if (const TensorView* data = pattern_.constant(id)) {
      TensorView view = *data;
      view.sizes.erase(view.sizes.begin() + axis);
      view.strides.erase(view.strides.begin() + axis);
      return add_shared_constant(std::move(view));
    }
    const ValueId inner = is_near(id, user) ? pattern_.without_axis(id, axis) : kNoValue;
    return inner == kNoValue ? std::nullopt : std::optional(inner);
  }

  // Whether `id` may be computed differently for `user`: no value comes into a module that did not before, unless
  // modules may be crossed.
  [[nodiscard]] bool is_near(ValueId id, const onnx::Node& user) const {
    const onnx::Node* node = pattern_.producer(id);
    return node != nullptr && (node->scope == user.scope || context_.optimize);
  }

  [[nodiscard]] bool has_angles_twice(ValueId id, bool interleaved) const {
    if (const TensorView* data = pattern_.constant(id)) return has_numbers_twice(*data, interleaved);
    if (pattern_.repeated(id, interleaved)) return true;
    const onnx::Node* node = pattern_.producer(id);
    return node != nullptr && keeps_last_axis(*node) && has_angles_twice(node->inputs[0], interleaved);
  }

  static bool has_numbers_twice(const TensorView& data, bool interleaved) {
    const auto numbers = data.numel() <= onnx::kMaxFoldedElements ? onnx::read_doubles(data) : std::nullopt;
    if (!numbers || data.sizes.empty() || data.sizes.back() % 2 != 0) return false;
    const auto size = static_cast<std::size_t>(data.sizes.back());
    const std::size_t distance = interleaved ? 1 : size / 2;
    for (std::size_t i = 0; i < numbers->size(); ++i) {
      const bool is_first = interleaved ? i % 2 == 0 : i % size < distance;
      if (is_first && (*numbers)[i] != (*numbers)[i + distance]) return false;
    }
    return true;
  }

  // Of `id`, which has every angle twice, a table that has them once: what it is made of where that is near, or a part
  // of it.
  ValueId halved(ValueId id, bool interleaved, const onnx::Node& user) {
    if (const TensorView* data = pattern_.constant(id)) {
      TensorView half = *data;
      half.sizes.back() /= 2;
      if (interleaved) half.strides.back() *= 2;
      return add_shared_constant(std::move(half));
    }
    const auto once = pattern_.repeated(id, interleaved);
    if (once && is_near(id, user)) return *once;
    ValueId& half = halves_.try_emplace({id, interleaved, user.scope}, kNoValue).first->second;
    if (half != kNoValue) return half;
    onnx::Shape shape = *model_.values[id].shape;
    const int64_t size = shape.back().value;
    shape.back().value /= 2;
    onnx::Node node;
    if (is_near(id, user)) {
      node = *pattern_.producer(id);
      node.inputs[0] = halved(node.inputs[0], interleaved, user);
    } else {
      const ValueId start = add_ints({0});
      const ValueId end = add_ints({interleaved ? size : size / 2});
      const ValueId axis = add_ints({pattern_.rank(id) - 1});
      const ValueId step = add_ints({interleaved ? 2 : 1});
      node = stamped("Slice", {id, start, end, axis, step}, {}, user);
    }
    return half = add_node(std::move(node), model_.values[id].dtype, std::move(shape));
  }

  // Whether each element of the result is computed from one in the same place of the first input's last axis.
  [[nodiscard]] bool keeps_last_axis(const onnx::Node& node) const {
    if (is(node, "Cos") || is(node, "Sin") || is(node, "Cast")) return true;
    if (is(node, "Mul") || is(node, "Div")) {
      const TensorView* number = pattern_.constant(node.inputs[1]);
      return number != nullptr && number->numel() == 1;
    }
    if (is(node, "Gather")) return pattern_.rank(node.inputs[0]) > 1 && !pattern_.is_last_axis(node, node.inputs[0]);
    if (!is(node, "Unsqueeze")) return false;
    const int64_t last = pattern_.rank(node.outputs[0]) - 1;
    return last == pattern_.rank(node.inputs[0]) && pattern_.without_axis(node.outputs[0], last) == kNoValue;
  }

  // `table`, which may be of batch 1 or lack that axis, for the batch of x.
  ValueId for_batch(ValueId table, ValueId x, const onnx::Node& user) {
    const onnx::Dim batch = model_.values[x].shape->front();
    const onnx::Shape& given = *model_.values[table].shape;
    if (given.size() == kRank - 1 && given.front() == batch) return table;
    ValueId& result = repeated_.try_emplace({table, batch.value, batch.param, user.scope}, kNoValue).first->second;
    if (result == kNoValue) result = repeated(table, x, user);
    return result;
  }

  ValueId repeated(ValueId table, ValueId x, const onnx::Node& user) {
    onnx::Shape shape = *model_.values[table].shape;
    shape.insert(shape.begin(), kRank - 1 - shape.size(), {1, ""});
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

  ValueId squeezed(ValueId id, int64_t axis, const onnx::Node& user) {
    onnx::Shape shape = *model_.values[id].shape;
    shape.erase(shape.begin() + axis);
    ValueId& result = squeezed_.try_emplace({id, axis, user.scope}, kNoValue).first->second;
    if (result != kNoValue) return result;
    const ValueId axes = add_ints({axis});
    return result = add_node(stamped("Squeeze", {id, axes}, {}, user), model_.values[id].dtype, std::move(shape));
  }

  // ---- making ------------------------------------------------------------------------------------------------------

  // Makes `node` the operator.
  void write(onnx::Node& node, const Turn& turn) {
    onnx::Node turned = stamped("RotaryEmbedding", {turn.x, turn.cos, turn.sin}, {}, node);
    if (turn.interleaved) turned.attributes.push_back({"interleaved", int64_t{1}});
    if (turn.size > 0) turned.attributes.push_back({"rotary_embedding_dim", turn.size});
    if (turn.heads_axis == 2) {
      const onnx::Value x = model_.values[turn.x];
      const onnx::Shape& sizes = *x.shape;
      const onnx::Shape flat = {sizes[0], sizes[1], {sizes[2].value * sizes[3].value, ""}};
      turned.inputs[0] = flattened(turn.x, flat, node);
      turned.attributes.push_back({"num_heads", sizes[2].value});
      const ValueId result = add_node(std::move(turned), x.dtype, flat);
      turned = reshape(result, sizes, node);
    }
    node.op_type = turned.op_type;
    node.inputs = std::move(turned.inputs);
    node.attributes = std::move(turned.attributes);
  }

  // x, [batch, positions, heads, size], as `flat`, [batch, positions, heads * size].
  ValueId flattened(ValueId x, const onnx::Shape& flat, const onnx::Node& user) {
    const onnx::Node* parted = pattern_.producer(x);
    if (parted != nullptr && is(*parted, "Reshape")) {
      const auto& before = model_.values[parted->inputs[0]].shape;
      if (before && std::ranges::equal(*before, flat, known_equal)) return parted->inputs[0];
    }
    onnx::Node node = reshape(x, flat, user);
    return add_node(std::move(node), model_.values[x].dtype, flat);
  }

  // Sizes that are not known are those of `id` on the same axis.
  onnx::Node reshape(ValueId id, const onnx::Shape& shape, const onnx::Node& user) {
    std::vector<int64_t> sizes;
    for (const onnx::Dim& dim : shape) sizes.push_back(dim.is_static() ? dim.value : 0);
    return stamped("Reshape", {id, add_ints(sizes)}, {}, user);
  }

  static onnx::Node stamped(const char* op_type, std::vector<ValueId> inputs, std::vector<onnx::Attribute> attributes,
                            const onnx::Node& like) {
    onnx::Node node = node_like(like, op_type, std::move(inputs));
    node.attributes = std::move(attributes);
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
    const auto [known, is_new] = ints_.try_emplace(numbers, kNoValue);
    if (is_new) known->second = passes::add_ints(model_, numbers);
    return known->second;
  }

  // Each layer may see the same numbers in a constant of its own.
  ValueId add_shared_constant(TensorView data) {
    const auto [known, is_new] = constants_.try_emplace({data.bytes(), data.sizes, data.strides}, kNoValue);
    if (is_new) known->second = model_.add_initializer("", std::move(data)).value;
    return known->second;
  }

  onnx::Model& model_;
  const PassContext& context_;
  RotaryPattern pattern_;
  std::map<std::tuple<const std::byte*, std::vector<int64_t>, std::vector<int64_t>>, ValueId> constants_;
  std::map<std::vector<int64_t>, ValueId> ints_;
  // Of the graph being looked at, what was made for a module call:
  std::map<std::tuple<ValueId, bool, ScopeId>, ValueId> halves_;                    // by whole and whether interleaved
  std::map<std::tuple<ValueId, int64_t, ScopeId>, ValueId> squeezed_;               // by value and axis
  std::map<std::tuple<ValueId, int64_t, std::string, ScopeId>, ValueId> repeated_;  // by table and batch
  std::unordered_map<ValueId, Turn> turns_;                                         // by result
  std::vector<onnx::Node> made_;                                                    // before the node being looked at
};

int64_t opset_of(const onnx::Model& model) {
  const auto found = std::ranges::find(model.opsets, "", &onnx::OpsetImport::domain);
  return found == model.opsets.end() ? 0 : found->version;
}

}  // namespace

bool fuse_rotary(onnx::Model& model, const PassContext& context) {
  return opset_of(model) >= kMinOpset && RotaryFuser(model, context).run(model.graph);
}

}  // namespace modelexport::passes
