// What only moves elements about - rolls, windows, patches, axes exchanged back and forth - becomes one Gather of rows.
//
// Each node of such a chain copies everything. Where the elements end up is known when all sizes and indices are: the
// positions 0, 1, 2, ... take the way of the elements, by evaluating the nodes. When they arrive in runs that belong
// together, one Gather of the runs does what the chain did; when they arrive in order, a Reshape does.
#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/shared_ints.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::kNoValue;
using onnx::Node;
using onnx::ValueId;
using Ints = std::vector<int64_t>;

constexpr std::array<std::string_view, 3> kReshaping = {"Reshape", "Squeeze", "Unsqueeze"};
constexpr std::array<std::string_view, 4> kCopying = {"Transpose", "Slice", "Concat", "Gather"};
// Shorter runs are copied faster by a Transpose than one by one.
constexpr int64_t kShortestRun = 16;
constexpr std::ptrdiff_t kFewestCopies = 2;
constexpr std::size_t kLongestChain = 64;

int64_t product(const Ints& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

class RowGatherer {
 public:
  RowGatherer(onnx::Model& model, const PassContext& context)
      : model_(model), context_(context), uses_(model), readers_(model), origin_(model.values.size(), kNoValue) {}

  bool run() {
    const std::unordered_set<ValueId> outputs(model_.graph.outputs.begin(), model_.graph.outputs.end());
    for (Node& node : model_.graph.nodes) {
      at_ = &node;
      const ValueId from = origin_of(node);
      if (from == kNoValue) continue;
      const ValueId to = node.outputs[0];
      origin_[to] = from;
      if (!outputs.contains(to) && moves_on(to)) continue;
      replace(node, from);
      origin_[to] = kNoValue;  // what reads it starts anew
    }
    if (made_.empty()) return false;
    replace_nodes(model_.graph, made_);
    return true;
  }

 private:
  [[nodiscard]] std::optional<Ints> sizes_of(ValueId id) const {
    const auto& shape = model_.values[id].shape;
    if (!shape) return std::nullopt;
    Ints sizes;
    for (const onnx::Dim& dim : *shape) {
      if (dim.value <= 0) return std::nullopt;
      sizes.push_back(dim.value);
    }
    return sizes;
  }

  // Where the elements of a value come from. The parts of a Concat are looked at before their turn, when the first is.
  [[nodiscard]] ValueId origin_at(ValueId id) const {
    const Node* maker = uses_.producer[id].node;
    const bool is_ahead = maker != nullptr && maker > at_ && uses_.producer[id].graph == &model_.graph;
    const ValueId origin = is_ahead && is(*maker, "Slice") ? origin_of(*maker) : origin_[id];
    return origin == kNoValue ? id : origin;
  }

  // The value whose elements `node` moves about, none that is not known.
  [[nodiscard]] ValueId origin_of(const Node& node) const {
    if (node.outputs.size() != 1 || !(is_one_of(node, kReshaping) || is_one_of(node, kCopying))) return kNoValue;
    const bool joins = is(node, "Concat");
    if (node.inputs.size() > kLongestChain) return kNoValue;
    ValueId common = kNoValue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (i > 0 && !joins) {
        if (input != kNoValue && model_.initializer_of(input) == nullptr) return kNoValue;
        continue;
      }
      if (input == kNoValue || model_.initializer_of(input) != nullptr) return kNoValue;
      const ValueId origin = origin_at(input);
      if (common != kNoValue && origin != common) return kNoValue;
      common = origin;
    }
    const auto from = sizes_of(common);
    const auto to = sizes_of(node.outputs[0]);
    const bool small = from && to && std::max(product(*from), product(*to)) <= onnx::kMaxFoldedElements;
    return small ? common : kNoValue;
  }

  // Whether all that read the value are of the same chain.
  [[nodiscard]] bool moves_on(ValueId id) const {
    const auto is_of_chain = [&](const Node* reader) {
      return uses_.producer[reader->outputs[0]].graph == &model_.graph && origin_of(*reader) == origin_[id];
    };
    return !readers_.of[id].empty() && std::all_of(readers_.of[id].begin(), readers_.of[id].end(), is_of_chain);
  }

  // The nodes from `from` to `last`, each once, in their order; none when others read what is on the way.
  [[nodiscard]] std::vector<const Node*> chain(const Node& last, ValueId from) const {
    std::vector<const Node*> nodes{&last};
    std::unordered_map<const Node*, uint32_t> reads;
    for (std::size_t i = 0; i < nodes.size() && nodes.size() <= kLongestChain; ++i) {
      const std::size_t moved = is(*nodes[i], "Concat") ? nodes[i]->inputs.size() : 1;
      for (std::size_t j = 0; j < moved; ++j) {
        const ValueId input = nodes[i]->inputs[j];
        if (input == from) continue;
        const Node* before = uses_.producer[input].node;
        if (++reads[before] == 1) nodes.push_back(before);
      }
    }
    const auto is_inside = [&](const auto& read) { return uses_.count[read.first->outputs[0]] == read.second; };
    if (nodes.size() > kLongestChain || !std::all_of(reads.begin(), reads.end(), is_inside)) return {};
    std::sort(nodes.begin(), nodes.end());  // as they lie in the graph
    return nodes;
  }

  void replace(const Node& last, ValueId from) {
    const std::vector<const Node*> nodes = chain(last, from);
    const auto copies =
        std::count_if(nodes.begin(), nodes.end(), [](auto* node) { return is_one_of(*node, kCopying); });
    if (copies < kFewestCopies) return;
    const auto positions = positions_of(nodes, from);
    if (!positions) return;
    const int64_t run = run_length(*positions, product(*sizes_of(from)));
    const bool in_order = run == product(*sizes_of(from)) && positions->size() == static_cast<std::size_t>(run);
    if (!in_order && (run < kShortestRun || nodes.size() < 3)) return;
    std::vector<Node>& made = made_[&last];
    const Ints shape = *sizes_of(last.outputs[0]);
    if (in_order) {
      made.push_back(node_like(last, "Reshape", {from, ints_(shape)}));
    } else {
      const auto rows = static_cast<int64_t>(positions->size()) / run;
      made.push_back(node_like(last, "Reshape", {from, ints_({-1, run})}));
      give(made.back(), last, {product(*sizes_of(from)) / run, run});
      made.push_back(node_like(last, "Gather", {made.back().outputs[0], ints_(rows_of(*positions, run))}));
      give(made.back(), last, {rows, run});
      made.back().attributes = {{"axis", int64_t{0}}};
      made.push_back(node_like(last, "Reshape", {made.back().outputs[0], ints_(shape)}));
    }
    made.back().outputs = last.outputs;
    for (Node& node : made) {
      for (const Node* of_chain : nodes) share_once(node, *of_chain);
    }
  }

  // Where each element of the last node's result was in `from`.
  [[nodiscard]] std::optional<Ints> positions_of(const std::vector<const Node*>& nodes, ValueId from) const {
    const Ints sizes = *sizes_of(from);
    onnx::detail::Fresh start = onnx::detail::make_fresh(DType::Int64, sizes);
    auto* numbers = reinterpret_cast<int64_t*>(start.data);
    std::iota(numbers, numbers + product(sizes), int64_t{0});
    std::unordered_map<ValueId, TensorView> moved{{from, std::move(start.view)}};
    for (const Node* node : nodes) {
      onnx::detail::Inputs inputs;
      for (const ValueId input : node->inputs) {
        const auto found = moved.find(input);
        const onnx::Initializer* constant = model_.initializer_of(input);
        inputs.push_back(found != moved.end() ? &found->second : constant != nullptr ? &constant->data : nullptr);
      }
      auto result = onnx::evaluate(*node, inputs);
      if (!result) return std::nullopt;
      moved[node->outputs[0]] = std::move(result->front());
    }
    return onnx::read_ints(moved.at(nodes.back()->outputs[0]));
  }

  // The longest run that all elements come in, of a length that divides the number of `all` elements.
  static int64_t run_length(const Ints& positions, int64_t all) {
    int64_t run = std::gcd(static_cast<int64_t>(positions.size()), all);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (i == 0 || positions[i] != positions[i - 1] + 1) {
        run = std::gcd(std::gcd(run, static_cast<int64_t>(i)), positions[i]);
      }
    }
    return run;
  }

  static Ints rows_of(const Ints& positions, int64_t run) {
    Ints rows;
    for (std::size_t i = 0; i < positions.size(); i += static_cast<std::size_t>(run))
      rows.push_back(positions[i] / run);
    return rows;
  }

  void give(Node& node, const Node& like, const Ints& sizes) {
    onnx::Value value;
    value.dtype = model_.values[like.outputs[0]].dtype;
    value.shape = onnx::static_shape(sizes);
    node.outputs = {model_.add_value(std::move(value))};
  }

  void share_once(Node& node, const Node& other) const {
    const auto& sources = node.sources;
    if (std::find(sources.begin(), sources.end(), other.scope) == sources.end()) share(node, other, context_);
  }

  onnx::Model& model_;
  const PassContext& context_;
  const Uses uses_;
  const Readers readers_;
  const Node* at_ = nullptr;                                 // the node being looked at
  std::vector<ValueId> origin_;                              // of the values in a chain
  std::unordered_map<const Node*, std::vector<Node>> made_;  // in place of a chain's last node
  SharedInts ints_{model_};
};

}  // namespace

bool gather_rows(onnx::Model& model, const PassContext& context) { return RowGatherer(model, context).run(); }

}  // namespace modelexport::passes
