#include "lower/map_call.h"

#include <algorithm>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>

#include "lower/call_maker.h"

namespace modelexport::lower {

namespace {

using program::Arguments;
using program::Graph;
using program::Node;
using program::Value;
using program::ValueId;

using Batches = std::unordered_map<ValueId, Batch>;

ValueId add_value(Graph& graph, Value value) {
  value.name.clear();  // the example's name is the whole batch's
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size() - 1);
}

void prepend(Value& value, std::span<const Level> levels) {
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    value.sizes.insert(value.sizes.begin(), level->size);
    value.strides.insert(value.strides.begin(), program::Dim{});
  }
}

std::vector<ValueId> arguments_of(const Node& node) {
  std::vector<ValueId> ids;
  for (const program::NamedArgument& argument : node.args) {
    for_each_reference(argument.value, [&](ValueId id) {
      if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    });
  }
  return ids;
}

class Mapper {
 public:
  explicit Mapper(program::Program& program) : program_(program) {}

  // Makes `node` in `graph` for all examples of `levels`; its results have their places in `graph` already.
  void make(Graph& graph, Node node, std::span<const Level> levels, const Batches& arguments) {
    if (levels.empty()) {
      for (program::NamedArgument& argument : node.args) {
        for_each_reference(argument.value, [&](ValueId& id) { id = arguments.at(id).value; });
      }
      graph.nodes.push_back(std::move(node));
      return;
    }
    auto body = std::make_unique<Graph>();
    Batches inner;
    // What is mapped over comes before what every example shares.
    const Arguments mapped = enter(graph, *body, node, arguments, inner, levels.front().number, true);
    const Arguments shared = enter(graph, *body, node, arguments, inner, levels.front().number, false);
    Node call = make_call("higher_order::map_impl",
                          {{"f", {program::GraphRef{static_cast<uint32_t>(program_.graphs.size())}}},
                           {"xs", {mapped}},
                           {"pos_args", {shared}}},
                          node.outputs, {node.scope, node.provenance});
    for (ValueId& output : node.outputs) {
      Value& whole = graph.values[output];
      output = add_value(*body, whole);
      body->outputs.push_back({program::OutputKind::UserOutput, ref(output), ""});
      prepend(whole, levels);
    }
    Graph& body_graph = *body;
    program_.graphs.push_back(std::move(body));
    make(body_graph, std::move(node), levels.subspan(1), inner);
    graph.nodes.push_back(std::move(call));
  }

 private:
  // Makes inputs of `body` from those arguments of `node` that vary with the level, or from those that do not.
  static Arguments enter(const Graph& graph, Graph& body, const Node& node, const Batches& arguments, Batches& inner,
                         int64_t level, bool varying) {
    Arguments given;
    for (ValueId id : arguments_of(node)) {
      Batch batch = arguments.at(id);
      if ((!batch.levels.empty() && batch.levels.front() == level) != varying) continue;
      given.push_back(ref(batch.value));
      Value value = graph.values[batch.value];
      if (varying) {
        value.sizes.erase(value.sizes.begin());
        value.strides.erase(value.strides.begin());
        batch.levels.erase(batch.levels.begin());
      }
      batch.value = add_value(body, std::move(value));
      program::Input input;
      input.value = batch.value;
      body.inputs.push_back(std::move(input));
      inner[id] = batch;
    }
    return given;
  }

  program::Program& program_;
};

}  // namespace

void map_call(program::Program& program, Graph& graph, Node node, const std::vector<Level>& levels,
              const std::function<Batch(ValueId)>& batch_of) {
  Batches arguments;
  for (ValueId id : arguments_of(node)) arguments[id] = batch_of(id);
  Mapper(program).make(graph, std::move(node), levels, arguments);
}

}  // namespace modelexport::lower
