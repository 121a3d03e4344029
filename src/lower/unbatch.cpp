#include "lower/unbatch.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lower/call_maker.h"
#include "lower/map_call.h"
#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

using program::Argument;
using program::Arguments;
using program::Dim;
using program::Graph;
using program::NamedArgument;
using program::Node;
using program::Value;
using program::ValueId;
using program::ValueRef;

constexpr std::string_view kVmap = "torch::_functorch.predispatch.";

// "aten::add.Tensor" -> "add".
std::string_view base_name(std::string_view target) {
  if (target.starts_with("aten::")) target.remove_prefix(6);
  return target.substr(0, target.find('.'));
}

// Operators that broadcast their tensor arguments and compute every element from the elements at its place.
bool is_elementwise(const Node& node) {
  constexpr std::array<std::string_view, 51> kNames = {
      "abs",     "add",         "alias",       "bitwise_and",  "bitwise_not", "bitwise_or", "bitwise_xor", "ceil",
      "clamp",   "clamp_max",   "clamp_min",   "clone",        "contiguous",  "cos",        "detach",      "div",
      "eq",      "exp",         "floor",       "floor_divide", "fmod",        "ge",         "gt",          "le",
      "log",     "logical_and", "logical_not", "logical_or",   "logical_xor", "lt",         "masked_fill", "maximum",
      "minimum", "mul",         "ne",          "neg",          "pow",         "reciprocal", "remainder",   "round",
      "rsqrt",   "rsub",        "sigmoid",     "sign",         "sin",         "sqrt",       "sub",         "tanh",
      "to",      "type_as",     "where"};
  constexpr std::array<std::string_view, 3> kOperators = {"__and__", "__or__", "__xor__"};
  const std::string_view name = base_name(node.target);
  return node.target.starts_with("aten::") && node.outputs.size() == 1 &&
         (std::ranges::find(kNames, name) != kNames.end() || std::ranges::find(kOperators, name) != kOperators.end());
}

// new_ones and its kin take no elements from their tensor, only its type.
bool is_creation(const Node& node) { return node.target.starts_with("aten::new_"); }

// flat_apply(function, tree, "...ModIndex", x, *indices) is how x[indices] is captured inside vmap.
void name_index_calls(Node& node) {
  const Argument* function = node.target == "higher_order::flat_apply" ? node.find("2") : nullptr;
  const auto* name = function == nullptr ? nullptr : function->as<std::string>();
  if (name == nullptr || !name->ends_with(".ModIndex") || node.args.size() < 5) return;
  Arguments indices;
  for (std::size_t i = 4; i < node.args.size(); ++i) indices.push_back(node.args[i].value);
  node = make_call("aten::index.Tensor", {{"self", node.args[3].value}, {"indices", {std::move(indices)}}},
                   node.outputs, {node.scope, node.provenance});
}

// Tensors that a call made anew and of which no view exists: only who reads them later sees writes into them.
std::vector<bool> own_tensors(const Graph& graph) {
  std::vector<bool> own(graph.values.size(), false);
  for (const Node& node : graph.nodes) {
    if (is_creation(node)) own[node.outputs.front()] = true;
    if (node.schema == nullptr || !node.schema->is_view()) continue;
    for (const NamedArgument& argument : node.args) {
      for_each_reference(argument.value, [&](ValueId id) { own[id] = false; });
    }
  }
  return own;
}

// Drops calls whose results nothing uses: vmap leaves some of its inner steps in the graph, and whole masks are made of
// which flex_attention uses nothing.
void drop_unused(Graph& graph) {
  const std::vector<bool> own = own_tensors(graph);
  std::vector<bool> used(graph.values.size(), false);
  const auto use = [&](const Argument& argument) {
    for_each_reference(argument, [&](ValueId id) { used[id] = true; });
  };
  const auto acts = [&](const Node& node) {
    if (node.target == "aten::_assert_tensor_metadata" || node.target.starts_with(kVmap)) return false;
    if (node.outputs.empty() || node.schema == nullptr) return true;
    bool writes = false;
    for (const program::SchemaArgument& argument : node.schema->arguments) {
      if (const Argument* written = node.find(argument.name); written != nullptr && argument.is_written) {
        for_each_reference(*written, [&](ValueId id) { writes = writes || !own[id] || used[id]; });
      }
    }
    return writes;
  };
  for (const program::Output& output : graph.outputs) use(output.value);
  std::vector<Node> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (!acts(*node) && std::ranges::none_of(node->outputs, [&](ValueId id) { return used[id]; })) continue;
    for (const NamedArgument& argument : node->args) use(argument.value);
    kept.push_back(std::move(*node));
  }
  std::ranges::reverse(kept);
  graph.nodes = std::move(kept);
}

class Unbatcher {
 public:
  Unbatcher(program::Program& program, Graph& graph) : program_(program), graph_(graph) {}

  void run() {
    drop_unused(graph_);
    writes_ = std::ranges::any_of(graph_.nodes,
                                  [](const Node& node) { return node.schema != nullptr && node.schema->mutates(); });
    std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    for (Node& node : nodes) {
      name_index_calls(node);
      rewrite(std::move(node));
    }
    for (program::Output& output : graph_.outputs) {
      for_each_reference(output.value, [&](ValueId& id) { id = whole(id).value; });
    }
  }

 private:
  void rewrite(Node node) {
    if (node.target.starts_with(kVmap)) {
      const std::string_view name = std::string_view(node.target).substr(kVmap.size());
      if (name == "_add_batch_dim") add_batch_dim(node);
      if (name == "_remove_batch_dim") remove_batch_dim(node);
      if (name == "_make_dual") fail(ErrorKind::UnsupportedOperator, "derivatives in forward mode have no ONNX form");
      return;  // the others only tell vmap where it is
    }
    std::vector<int64_t> levels;
    for (const NamedArgument& argument : node.args) {
      for_each_reference(argument.value, [&](ValueId id) { join(levels, whole(id).levels); });
    }
    if (is_creation(node) || levels.empty()) {
      for (NamedArgument& argument : node.args) {
        for_each_reference(argument.value, [&](ValueId& id) { id = whole(id).value; });
      }
      graph_.nodes.push_back(std::move(node));
      return;
    }
    const bool is_index = node.target == "aten::index.Tensor" && indexes_whole_tensor(node);
    if (is_index || is_elementwise(node)) {
      broadcast(std::move(node), levels, is_index);
    } else {
      map(std::move(node), levels);
    }
  }

  [[nodiscard]] Batch whole(ValueId id) const {
    const auto found = batches_.find(id);
    if (found != batches_.end()) return found->second;
    return {id, {}, static_cast<int64_t>(graph_.values[id].sizes.size())};
  }

  static void join(std::vector<int64_t>& levels, const std::vector<int64_t>& more) {
    for (int64_t level : more) {
      const auto place = std::ranges::lower_bound(levels, level);
      if (place == levels.end() || *place != level) levels.insert(place, level);
    }
  }

  // _add_batch_dim(x, dim, level): axis `dim` of x is the batch of a new, innermost level.
  void add_batch_dim(const Node& node) {
    Batch batch = argument_batch(node, "a");
    const auto outer = static_cast<int64_t>(batch.levels.size());
    const int64_t dim = number(node, "b") + (number(node, "b") < 0 ? batch.example_rank : 0);
    if (dim != 0) batch.value = movedim(node, batch.value, outer + dim, outer);
    batch.levels.push_back(number(node, "c"));
    --batch.example_rank;
    batches_[node.outputs.at(0)] = batch;
  }

  // _remove_batch_dim(x, level, batch_size, out_dim): the level's axis becomes axis `out_dim` of the example.
  void remove_batch_dim(const Node& node) {
    Batch batch = argument_batch(node, "a");
    const Value& recorded = graph_.values[node.outputs.at(0)];
    const auto rank = static_cast<int64_t>(recorded.sizes.size());
    const int64_t out_dim = number(node, "d") + (number(node, "d") < 0 ? rank : 0);
    const auto level = std::ranges::find(batch.levels, number(node, "b"));
    if (level == batch.levels.end()) {
      const int64_t axis = static_cast<int64_t>(batch.levels.size()) + out_dim;
      batch.value = expand(node, unsqueeze(node, batch.value, axis), axis, recorded.sizes.at(out_dim));
    } else {
      const int64_t axis = level - batch.levels.begin();
      batch.levels.erase(level);
      const int64_t place = static_cast<int64_t>(batch.levels.size()) + out_dim;
      if (axis != place) batch.value = movedim(node, batch.value, axis, place);
    }
    ++batch.example_rank;
    batches_[node.outputs.at(0)] = batch;
  }

  // An element-wise call, or an index into a tensor that is the same for every example: its batched arguments get
  // the same levels, and so does its result.
  void broadcast(Node node, const std::vector<int64_t>& levels, bool is_index) {
    int64_t rank = 0;
    std::vector<Dim> sizes(levels.size());
    for (const NamedArgument& argument : node.args) {
      if (is_index && argument.name == "self") continue;
      for_each_reference(argument.value, [&](ValueId id) { rank = std::max(rank, measure(id, levels, sizes)); });
    }
    for (NamedArgument& argument : node.args) {
      if (is_index && argument.name == "self") continue;
      for_each_reference(argument.value, [&](ValueId& id) { id = align(node, whole(id), levels, rank); });
    }
    const ValueId result = node.outputs.front();
    Value& value = graph_.values[result];
    batches_[result] = {result, levels, static_cast<int64_t>(value.sizes.size())};
    sizes.insert(sizes.end(), value.sizes.begin(), value.sizes.end());
    Value whole_value = dense_tensor(value.dtype, std::move(sizes));
    whole_value.name = std::move(value.name);
    value = std::move(whole_value);
    graph_.nodes.push_back(std::move(node));
  }

  // Any other call is made for one example after the other.
  void map(Node node, const std::vector<int64_t>& numbers) {
    const bool aten = node.schema != nullptr && node.target.starts_with("aten::");
    // The results of a loop share no memory with what it read, which writes in place would tell.
    if (!aten || node.schema->mutates() || (node.schema->is_view() && writes_)) {
      fail(ErrorKind::UnsupportedOperator, program::torch_name(node.target) + " inside torch.vmap has no ONNX form");
    }
    std::vector<Dim> sizes(numbers.size());
    for (const NamedArgument& argument : node.args) {
      for_each_reference(argument.value, [&](ValueId id) { measure(id, numbers, sizes); });
    }
    std::vector<Level> levels;
    for (std::size_t i = 0; i < numbers.size(); ++i) levels.push_back({numbers[i], sizes[i]});
    for (ValueId id : node.outputs) {
      batches_[id] = {id, numbers, static_cast<int64_t>(graph_.values[id].sizes.size())};
    }
    map_call(program_, graph_, std::move(node), levels, [&](ValueId id) { return whole(id); });
  }

  // The result's batch axes come first only when the index tensors' axes do.
  bool indexes_whole_tensor(const Node& node) const {
    const Arguments& indices = *node.find("indices")->as<Arguments>();
    return !indices.empty() && !indices.front().is_none() &&
           whole(node.find("self")->as<ValueRef>()->id).levels.empty();
  }

  // Notes the sizes of the levels that the value varies with; returns the rank of its example.
  int64_t measure(ValueId id, const std::vector<int64_t>& levels, std::vector<Dim>& sizes) const {
    const Batch batch = whole(id);
    for (std::size_t i = 0; i < batch.levels.size(); ++i) {
      const auto place = std::ranges::find(levels, batch.levels[i]) - levels.begin();
      sizes[place] = graph_.values[batch.value].sizes[i];
    }
    return batch.example_rank;
  }

  // Axes of size 1 for the levels that the value lacks, and for the axes that its example lacks, wherever other axes
  // of the value come before them; in front broadcasting adds them.
  ValueId align(const Node& node, const Batch& batch, const std::vector<int64_t>& levels, int64_t rank) {
    if (batch.levels.empty()) return batch.value;
    ValueId value = batch.value;
    int64_t axis = 0;
    for (int64_t level : levels) {
      const bool has_level = std::ranges::find(batch.levels, level) != batch.levels.end();
      if (!has_level && axis > 0) value = unsqueeze(node, value, axis);
      if (has_level || axis > 0) ++axis;
    }
    for (int64_t i = batch.example_rank; i < rank; ++i) value = unsqueeze(node, value, axis++);
    return value;
  }

  // ---- views ----

  ValueId unsqueeze(const Node& node, ValueId value, int64_t axis) {
    std::vector<Dim> sizes = graph_.values[value].sizes;
    sizes.insert(sizes.begin() + axis, Dim{.value = 1});
    return add_call(node, "aten::unsqueeze", {{"self", ref(value)}, {"dim", {axis}}}, value, std::move(sizes));
  }

  ValueId expand(const Node& node, ValueId value, int64_t axis, Dim size) {
    std::vector<Dim> sizes = graph_.values[value].sizes;
    sizes.at(axis) = size;
    Arguments wanted(sizes.size(), Argument{int64_t{-1}});
    wanted.at(axis) = *node.find("c");
    return add_call(node, "aten::expand", {{"self", ref(value)}, {"size", {std::move(wanted)}}}, value,
                    std::move(sizes));
  }

  ValueId movedim(const Node& node, ValueId value, int64_t from, int64_t to) {
    std::vector<Dim> sizes = graph_.values[value].sizes;
    const Dim moved = sizes.at(from);
    sizes.erase(sizes.begin() + from);
    sizes.insert(sizes.begin() + to, moved);
    return add_call(node, "aten::movedim.int", {{"self", ref(value)}, {"source", {from}}, {"destination", {to}}}, value,
                    std::move(sizes));
  }

  ValueId add_call(const Node& node, const char* target, std::vector<NamedArgument> arguments, ValueId like,
                   std::vector<Dim> sizes) {
    return append_call(graph_, target, std::move(arguments), dense_tensor(graph_.values[like].dtype, std::move(sizes)),
                       {node.scope, node.provenance});
  }

  [[nodiscard]] Batch argument_batch(const Node& node, std::string_view name) const {
    const Argument* argument = node.find(name);
    const auto* reference = argument == nullptr ? nullptr : argument->as<ValueRef>();
    if (reference == nullptr) fail(node.target + " has no tensor '" + std::string(name) + "'");
    return whole(reference->id);
  }

  static int64_t number(const Node& node, std::string_view name) {
    const Argument* argument = node.find(name);
    const auto* value = argument == nullptr ? nullptr : argument->as<int64_t>();
    if (value == nullptr) fail(node.target + " has no number '" + std::string(name) + "'");
    return *value;
  }

  program::Program& program_;
  Graph& graph_;
  bool writes_ = false;                         // some call of the graph writes in place
  std::unordered_map<ValueId, Batch> batches_;  // by the recorded value
};

}  // namespace

void unbatch(program::Program& program) {
  const std::size_t captured = program.graphs.size();
  for (std::size_t i = 0; i < captured; ++i) {
    Graph& graph = *program.graphs[i];
    const bool has_vmap =
        std::ranges::any_of(graph.nodes, [](const Node& node) { return node.target.starts_with(kVmap); });
    if (has_vmap) Unbatcher(program, graph).run();
  }
}

}  // namespace modelexport::lower
