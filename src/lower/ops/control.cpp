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

// A body takes real tensors as they are, complex ones in two parts, and numbers as one-element lists.
Values operands(Context& c, std::string_view name) {
  Values values;
  const auto* list = argument(c, name).as<Arguments>();
  if (list == nullptr) return values;
  for (const Argument& item : *list) {
    const bool is_tensor = item.as<program::ValueRef>() != nullptr && c.recorded(item).kind == Kind::Tensor;
    if (item.is_none()) {
      values.push_back({});
    } else if (!is_tensor) {
      values.push_back(c.b.unsqueeze(c.value_of(item), {0}));
    } else {
      values.push_back(c.value_of(item));
      if (is_complex(c.recorded(item).dtype)) values.push_back(c.imaginary_of(item));
    }
  }
  return values;
}

// What torch recorded of the values that a body takes or gives, both parts of complex ones.
std::vector<Value> in_parts(const std::vector<Value>& recorded) {
  std::vector<Value> parts;
  for (const Value& value : recorded) {
    const bool complex = is_complex(value.dtype);
    parts.push_back(value);
    parts.back().dtype = part_type(value.dtype);
    if (!complex) continue;
    parts.push_back(parts.back());
    parts[parts.size() - 2].name += "_real";
    parts.back().name += "_imag";
  }
  return parts;
}

std::vector<Value> recorded_outputs(const Context& c) {
  std::vector<Value> recorded;
  for (std::size_t i = 0; i < c.n_outputs(); ++i) recorded.push_back(c.out(i));
  return in_parts(recorded);
}

std::vector<Value> recorded_inputs(const Graph& graph) {
  std::vector<Value> recorded;
  for (const program::Input& input : graph.inputs) {
    recorded.push_back(input.value == program::kNoValue ? Value{} : graph.values.at(input.value));
  }
  return in_parts(recorded);
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
  v = c.b.cast(v, dtype_of(recorded));
  return recorded.kind == Kind::Tensor ? v : c.b.reshape(v, {Size(1)});
}

Values conform_to_outputs(Context& c, Values values) {
  const std::vector<Value> recorded = recorded_outputs(c);
  for (std::size_t i = 0; i < values.size() && i < recorded.size(); ++i) {
    if (values[i]) values[i] = conform(c, values[i], recorded[i]);
  }
  return values;
}

// A control-flow node, its results typed as torch recorded them: nothing can be inferred through bodies.
Values emit(Context& c, const char* op_type, Values inputs, Attrs attrs) {
  const std::vector<Value> recorded = recorded_outputs(c);
  const Values results = c.b.ops(op_type, std::move(inputs), recorded.size(), std::move(attrs));
  for (std::size_t i = 0; i < results.size(); ++i) {
    c.b.refine(results[i], dtype_of(recorded[i]), shape_of(recorded[i]));
  }
  return results;
}

V condition(Context& c, V v) { return c.b.reshape(c.b.cast(v, DType::Bool), {}); }

Values branch(Context& c, std::string_view name, const Values& inputs) {
  return conform_to_outputs(c, c.lower_body(c.graph_index(name), inputs));
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
  return emit(c, "If", {pred}, {{"then_branch", then_branch}, {"else_branch", else_branch}});
}

// Inputs of the body for the first `count` inputs of sub-graph `graph`.
Values body_inputs(Context& c, const Graph& graph, std::size_t first, std::size_t count) {
  const std::vector<Value> recorded = recorded_inputs(graph);
  Values inputs;
  for (std::size_t i = first; i < first + count; ++i) {
    inputs.push_back(c.b.graph_input(recorded.at(i).name, dtype_of(recorded[i]), shape_of(recorded[i])));
  }
  return inputs;
}

Values conform_to_inputs(Context& c, const Graph& graph, Values values) {
  const std::vector<Value> recorded = recorded_inputs(graph);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = conform(c, values[i], recorded.at(i));
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
  return emit(c, "Loop", joined({V{}, first}, initial), {{"body", graph}});
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
  return emit(c, "Scan", joined(first, scanned),
              {{"body", graph}, {"num_scan_inputs", static_cast<int64_t>(scanned.size())}});
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
