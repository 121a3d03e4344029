// torch.cond, while_loop, scan and map: If, Loop and Scan. What a body reads from outside it captures; only what a loop
// carries or scans becomes an input of the body.
#include <algorithm>
#include <string>
#include <utility>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

using program::Argument;
using program::Arguments;
using program::Graph;
using program::Kind;
using program::Value;

const Argument& argument(const Context& c, std::string_view name) {
  const Argument* found = c.node.find(name);
  if (found == nullptr) c.unsupported("the call has no argument '" + std::string(name) + "'");
  return *found;
}

// A body takes tensors as they are and numbers as one-element lists.
V operand(Context& c, const Argument& argument) {
  if (argument.is_none()) return {};
  const bool is_tensor = argument.as<program::ValueRef>() != nullptr && c.recorded(argument).kind == Kind::Tensor;
  const V v = c.value_of(argument);
  return is_tensor ? v : c.b.unsqueeze(v, {0});
}

Values operands(Context& c, std::string_view name) {
  Values values;
  if (const auto* list = argument(c, name).as<Arguments>()) {
    for (const Argument& item : *list) values.push_back(operand(c, item));
  }
  return values;
}

Values joined(Values a, const Values& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

DType dtype_of(const Value& recorded) {
  switch (recorded.kind) {
    case Kind::SymInt:
      return DType::Int64;
    case Kind::SymBool:
      return DType::Bool;
    case Kind::SymFloat:
      return DType::Float64;
    default:
      return recorded.dtype;
  }
}

onnx::Shape shape_of(const Value& recorded) {
  if (recorded.kind != Kind::Tensor) return {{1, ""}};
  onnx::Shape shape;
  for (const program::Dim& dim : recorded.sizes)
    shape.push_back(dim.is_static() ? onnx::Dim{dim.value, ""} : onnx::Dim{});
  return shape;
}

// Values of a body in the form that torch recorded for them.
V conform(Context& c, V v, const Value& recorded) {
  if (recorded.kind == Kind::Tensor && is_complex(recorded.dtype)) return v;
  v = c.b.cast(v, dtype_of(recorded));
  return recorded.kind == Kind::Tensor ? v : c.b.reshape(v, {Size(1)});
}

Values conform(Context& c, Values values, std::size_t first_output) {
  for (std::size_t i = 0; i < values.size() && first_output + i < c.n_outputs(); ++i) {
    if (values[i]) values[i] = conform(c, values[i], c.out(first_output + i));
  }
  return values;
}

// The results of a control-flow node, typed as torch recorded them: nothing can be inferred through bodies.
Values typed(Context& c, const Values& results) {
  for (std::size_t i = 0; i < results.size(); ++i) c.b.refine(results[i], dtype_of(c.out(i)), shape_of(c.out(i)));
  return results;
}

V condition(Context& c, V v) { return c.b.reshape(c.b.cast(v, DType::Bool), {}); }

Values branch(Context& c, std::string_view name, const Values& inputs) {
  return conform(c, c.lower_body(c.graph_index(name), inputs), 0);
}

Values lower_cond(Context& c) {
  const Values inputs = operands(c, "operands");
  if (const bool* known = argument(c, "pred").as<bool>()) {
    return branch(c, *known ? "true_fn" : "false_fn", inputs);
  }
  const V pred = condition(c, c.value_of(argument(c, "pred")));
  const auto body = [&](std::string_view name, const char* title) {
    c.b.enter_graph(title);
    return c.b.leave_graph(branch(c, name, inputs));
  };
  const auto then_branch = body("true_fn", "then");
  const auto else_branch = body("false_fn", "else");
  return typed(c, c.b.ops("If", {pred}, c.n_outputs(), {{"then_branch", then_branch}, {"else_branch", else_branch}}));
}

// Inputs of the body for the first `count` inputs of sub-graph `graph`.
Values body_inputs(Context& c, const Graph& graph, std::size_t first, std::size_t count) {
  Values inputs;
  for (std::size_t i = first; i < first + count; ++i) {
    const Value& recorded = graph.values.at(graph.inputs.at(i).value);
    inputs.push_back(c.b.graph_input(recorded.name, dtype_of(recorded), shape_of(recorded)));
  }
  return inputs;
}

Values conform_to_inputs(Context& c, const Graph& graph, Values values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = conform(c, values[i], graph.values.at(graph.inputs.at(i).value));
  }
  return values;
}

Values lower_while_loop(Context& c) {
  const uint32_t test = c.graph_index("cond_fn");
  const uint32_t step = c.graph_index("body_fn");
  const Graph& body = c.subgraph(step);
  const Values captured = operands(c, "additional_inputs");
  const Values initial = conform_to_inputs(c, body, operands(c, "carried_inputs"));
  const auto holds = [&](const Values& state) {
    return condition(c, c.lower_body(test, joined(state, captured)).front());
  };
  const V first = holds(initial);
  c.b.enter_graph("body");
  c.b.graph_input("iteration", DType::Int64, onnx::Shape{});
  c.b.graph_input("condition", DType::Bool, onnx::Shape{});
  const Values state = body_inputs(c, body, 0, initial.size());
  const Values next = conform_to_inputs(c, body, c.lower_body(step, joined(state, captured)));
  const auto graph = c.b.leave_graph(joined({holds(next)}, next));
  return typed(c, c.b.ops("Loop", joined({V{}, first}, initial), c.n_outputs(), {{"body", graph}}));
}

// Runs sub-graph `index` over the first axis of `scanned`; its first results are the next state, the others are
// stacked.
Values scan(Context& c, uint32_t index, const Values& initial, const Values& scanned, const Values& captured) {
  if (scanned.empty()) c.unsupported("nothing is scanned");
  const Graph& body = c.subgraph(index);
  const Values first = conform_to_inputs(c, body, initial);
  c.b.enter_graph("body");
  const Values state = body_inputs(c, body, 0, initial.size());
  const Values slices = body_inputs(c, body, initial.size(), scanned.size());
  Values results = c.lower_body(index, joined(joined(state, slices), captured));
  Values next(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(std::min(initial.size(), results.size())));
  next = conform_to_inputs(c, body, std::move(next));
  std::move(next.begin(), next.end(), results.begin());
  const auto graph = c.b.leave_graph(results);
  return typed(c, c.b.ops("Scan", joined(first, scanned), c.n_outputs(),
                          {{"body", graph}, {"num_scan_inputs", static_cast<int64_t>(scanned.size())}}));
}

Values lower_scan(Context& c) {
  return scan(c, c.graph_index("combine_fn"), operands(c, "init"), operands(c, "xs"), operands(c, "additional_inputs"));
}

Values lower_map(Context& c) { return scan(c, c.graph_index("f"), {}, operands(c, "xs"), operands(c, "pos_args")); }

constexpr Row kRows[] = {
    {"higher_order::cond(Any pred, Graph true_fn, Graph false_fn, Any[] operands=[]) -> Any", lower_cond},
    {"higher_order::while_loop(Graph cond_fn, Graph body_fn, Any[] carried_inputs, Any[] additional_inputs=[]) -> Any",
     lower_while_loop},
    {"higher_order::scan(Graph combine_fn, Any[] init, Any[] xs, Any[] additional_inputs=[]) -> Any", lower_scan},
    {"higher_order::map_impl(Graph f, Any[] xs, Any[] pos_args=[]) -> Any", lower_map},
};

}  // namespace

Family control_ops() { return kRows; }

}  // namespace modelexport::lower
