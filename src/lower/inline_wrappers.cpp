#include "lower/inline_wrappers.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lower/call_maker.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

using program::Argument;
using program::Arguments;
using program::Graph;
using program::GraphRef;
using program::NamedArgument;
using program::Node;
using program::Program;
using program::ValueId;
using program::ValueRef;

// Higher-order calls that run their one sub-graph exactly once on the operands that follow it.
bool is_wrapper(std::string_view target) {
  constexpr std::array<std::string_view, 9> kWrappers = {"higher_order::wrap_with_set_grad_enabled",
                                                         "higher_order::wrap_with_autocast",
                                                         "higher_order::tag_activation_checkpoint",
                                                         "higher_order::wrap_activation_checkpoint",
                                                         "higher_order::wrap",
                                                         "higher_order::strict_mode",
                                                         "higher_order::invoke_subgraph",
                                                         "higher_order::hints_wrapper",
                                                         "higher_order::wrap_with_inference_mode"};
  return std::ranges::find(kWrappers, target) != kWrappers.end();
}

// The sub-graph of a wrapper call and what it is called with.
struct WrapperCall {
  uint32_t body = 0;
  Arguments operands;
  bool autocasts = false;
};

WrapperCall read_wrapper(const Node& node) {
  WrapperCall call;
  auto argument =
      std::ranges::find_if(node.args, [](const NamedArgument& named) { return named.value.as<GraphRef>() != nullptr; });
  if (argument == node.args.end()) fail(node.target + " has no sub-graph");
  call.body = argument->value.as<GraphRef>()->index;
  // wrap_with_autocast(device_type, dtype, enabled, cache_enabled, body, *operands)
  if (node.target == "higher_order::wrap_with_autocast" && argument - node.args.begin() > 2) {
    const bool* enabled = node.args[2].value.as<bool>();
    call.autocasts = enabled == nullptr || *enabled;
  }
  for (++argument; argument != node.args.end(); ++argument) {
    // Keywords are hints of the wrapper; a string names the region (invoke_subgraph).
    const bool is_positional = argument->name.find_first_not_of("0123456789") == std::string::npos;
    if (!is_positional || argument->value.as<std::string>() != nullptr) continue;
    if (const auto* list = argument->value.as<Arguments>()) {
      call.operands.insert(call.operands.end(), list->begin(), list->end());
    } else {
      call.operands.push_back(argument->value);
    }
  }
  return call;
}

// Floating-point tensors that autocast brings to the result's type before the call runs. Conversions say their own
// type; normalisations keep the wider type of their weights and statistics.
bool is_autocast(const Graph& graph, const Node& node) {
  if (node.schema == nullptr || node.outputs.empty() || node.target.find("norm") != std::string::npos) return false;
  const program::Value& result = graph.values[node.outputs.front()];
  const Argument* dtype = node.find("dtype");
  return result.kind == program::Kind::Tensor && is_floating(result.dtype) && !node.schema->is_view() &&
         !node.schema->mutates() && (dtype == nullptr || dtype->is_none());
}

class Inliner {
 public:
  explicit Inliner(Program& program) : program_(program), state_(program.graphs.size(), State::Untouched) {}

  void run(uint32_t index) {
    if (state_[index] == State::Done) return;
    if (state_[index] == State::Open) fail("a sub-graph calls itself");
    state_[index] = State::Open;
    Graph& graph = *program_.graphs[index];
    for (const Node& node : graph.nodes) {
      for (const NamedArgument& argument : node.args) visit_bodies(argument.value);
    }
    const bool has_wrappers = std::ranges::any_of(graph.nodes, is_wrapper, &Node::target);
    if (has_wrappers) rewrite(graph);
    state_[index] = State::Done;
  }

 private:
  enum class State : uint8_t { Untouched, Open, Done };
  using Bindings = std::unordered_map<ValueId, Argument>;

  void visit_bodies(const Argument& argument) {
    if (const auto* body = argument.as<GraphRef>()) {
      if (body->index >= program_.graphs.size()) fail("a call refers to a sub-graph that does not exist");
      run(body->index);
    } else if (const auto* list = argument.as<Arguments>()) {
      for (const Argument& item : *list) visit_bodies(item);
    }
  }

  void rewrite(Graph& graph) {
    std::vector<Node> nodes = std::exchange(graph.nodes, {});
    graph.nodes.reserve(nodes.size());
    Bindings results;  // of wrapper calls
    for (Node& node : nodes) {
      for (NamedArgument& argument : node.args) substitute(argument.value, results);
      if (is_wrapper(node.target)) {
        with_context(node.target, [&] { inline_call(graph, node, results); });
      } else {
        graph.nodes.push_back(std::move(node));
      }
    }
    for (program::Output& output : graph.outputs) substitute(output.value, results);
  }

  static void substitute(Argument& argument, const Bindings& bindings) {
    if (const auto* reference = argument.as<ValueRef>()) {
      const auto bound = bindings.find(reference->id);
      if (bound != bindings.end()) argument = bound->second;
    } else if (auto* list = std::get_if<Arguments>(&argument.value)) {
      for (Argument& item : *list) substitute(item, bindings);
    }
  }

  void inline_call(Graph& graph, const Node& wrapper, Bindings& results) {
    const WrapperCall call = read_wrapper(wrapper);
    const Graph& body = *program_.graphs[call.body];
    Bindings bindings = bind_inputs(graph, body, call.operands);
    for (const Node& inner : body.nodes) {
      Node node = inner;
      for (NamedArgument& argument : node.args) substitute(argument.value, bindings);
      for (ValueId& output : node.outputs) {
        graph.values.push_back(body.values[output]);
        const auto id = static_cast<ValueId>(graph.values.size() - 1);
        bindings[output] = ref(id);
        output = id;
      }
      if (node.provenance != Provenance::Exact) {
        node.scope = wrapper.scope;
        node.provenance = wrapper.provenance == Provenance::Exact ? Provenance::Inherited : wrapper.provenance;
      }
      if (call.autocasts && is_autocast(graph, node)) cast_operands(graph, node);
      graph.nodes.push_back(std::move(node));
    }
    if (body.outputs.size() != wrapper.outputs.size()) {
      fail("the sub-graph has " + std::to_string(body.outputs.size()) + " results, the call has " +
           std::to_string(wrapper.outputs.size()));
    }
    for (std::size_t i = 0; i < body.outputs.size(); ++i) {
      Argument result = body.outputs[i].value;
      substitute(result, bindings);
      results[wrapper.outputs[i]] = std::move(result);
    }
  }

  // Inputs that hold a constant of the sub-graph move to the graph around it.
  static Bindings bind_inputs(Graph& graph, const Graph& body, const Arguments& operands) {
    Bindings bindings;
    std::size_t next = 0;
    for (const program::Input& input : body.inputs) {
      if (input.weight.storage != nullptr) {
        program::Input constant = input;
        graph.values.push_back(body.values[input.value]);
        constant.value = static_cast<ValueId>(graph.values.size() - 1);
        bindings[input.value] = ref(constant.value);
        graph.inputs.push_back(std::move(constant));
        continue;
      }
      if (next == operands.size()) break;
      if (input.value != program::kNoValue) bindings[input.value] = operands[next];
      ++next;
    }
    const auto expected = static_cast<std::size_t>(std::ranges::count_if(
        body.inputs, [](const program::Input& input) { return input.weight.storage == nullptr; }));
    if (operands.size() != expected) {
      fail("the call gives " + std::to_string(operands.size()) + " operands, the sub-graph takes " +
           std::to_string(expected));
    }
    return bindings;
  }

  static void cast_operands(Graph& graph, Node& node) {
    const DType wanted = graph.values[node.outputs.front()].dtype;
    for (NamedArgument& argument : node.args) {
      for_each_reference(argument.value, [&](ValueId& id) {
        if (graph.values[id].kind != program::Kind::Tensor || graph.values[id].dtype == wanted ||
            !is_floating(graph.values[id].dtype)) {
          return;
        }
        program::Value cast = graph.values[id];
        cast.dtype = wanted;
        graph.values.push_back(std::move(cast));
        const auto result = static_cast<ValueId>(graph.values.size() - 1);
        graph.nodes.push_back(make_call("aten::to.dtype", {{"self", ref(id)}, {"dtype", {wanted}}}, {result},
                                        {node.scope, node.provenance}));
        id = result;
      });
    }
  }

  Program& program_;
  std::vector<State> state_;
};

}  // namespace

void inline_wrappers(Program& program) {
  Inliner inliner(program);
  inliner.run(0);
}

}  // namespace modelexport::lower
