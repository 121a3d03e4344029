#include "lower/lower.h"

#include <algorithm>
#include <charconv>

#include "lower/op_table.h"
#include "lower/ops/complex_form.h"
#include "program/program_builder.h"

namespace modelexport::lower {

namespace {

std::string describe(const std::vector<UnsupportedOperator>& operators) {
  std::string text = std::to_string(operators.size()) + (operators.size() == 1 ? " operator has" : " operators have") +
                     " no ONNX form: ";
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const UnsupportedOperator& op = operators[i];
    if (i > 0) text += "; ";
    text += program::torch_name(op.target) + " (" + std::to_string(op.count) + (op.count == 1 ? " call" : " calls") +
            ", first in " + (op.module.empty() ? "the root module" : op.module) + ")";
    if (!op.why.empty()) text += ": " + op.why;
  }
  return text;
}

// Node metadata needs IR version 10; each release of ONNX raised the opset, and some the IR version with it
// (onnx/docs/Versioning.md).
int64_t ir_version_for(int64_t opset) {
  if (opset >= 28) return 14;
  return std::clamp<int64_t>(opset - 12, 10, 13);
}

}  // namespace

UnsupportedOperators::UnsupportedOperators(std::vector<UnsupportedOperator> ops)
    : Error(ErrorKind::UnsupportedOperator, describe(ops)), operators(std::move(ops)) {}

onnx::Model lower(const program::Program& program, const LowerOptions& options, LowerReport& report) {
  onnx::Model model;
  model.ir_version = ir_version_for(options.opset);
  model.producer_name = "modelexport";
  model.producer_version = MODELEXPORT_VERSION;
  model.opsets = {{"", options.opset}};
  model.graph.name = "main_graph";
  model.graph.nodes.reserve(program.main().nodes.size());
  model.values.reserve(program.main().values.size());
  Builder builder(model, options.opset, options.fold_constants);
  Lowerer(program, builder, options, report).run();
  return model;
}

Lowerer::Lowerer(const program::Program& program, Builder& builder, const LowerOptions& options, LowerReport& report)
    : program_(program), builder_(builder), options_(options), report_(report) {}

void Lowerer::run() {
  const program::Graph& graph = program_.main();
  frames_.push_back({&graph, Values(graph.values.size()), {}, {}, {}});
  used_names_.reserve(graph.values.size());
  bind_inputs(graph);
  lower_nodes(graph);
  if (!unsupported_order_.empty()) {
    std::vector<UnsupportedOperator> operators;
    for (const std::string& key : unsupported_order_) operators.push_back(unsupported_.at(key));
    throw UnsupportedOperators(std::move(operators));
  }
  bind_outputs(graph);
}

// ---- calls ----

void Lowerer::lower_nodes(const program::Graph& graph) {
  for (const program::Node& node : graph.nodes) lower_node(graph, node);
}

void Lowerer::lower_node(const program::Graph& graph, const program::Node& node) {
  const Stamp outer = builder_.stamp();
  builder_.set_stamp({node.scope, node.provenance, program::torch_name(node.target)});
  const std::size_t before = builder_.graph().nodes.size();
  Values results;
  try {
    results = call(graph, node);
  } catch (const UnsupportedOperators& error) {
    note_unsupported(node, error.operators.front().why);
    results = stand_ins(graph, node);
  } catch (const Error& error) {
    const std::string& path = program_.modules[node.scope].path;
    throw error.in(program::torch_name(node.target) + " in " + (path.empty() ? "the root module" : path));
  }
  define_results(graph, node, std::move(results));
  if (builder_.graph().nodes.size() > before) ++report_.regions;
  builder_.set_stamp(outer);
}

namespace {

// As complex numbers of 16 bits.
bool has_unknown_type(const program::Graph& graph, const program::Node& node) {
  return std::ranges::any_of(node.outputs, [&](program::ValueId id) {
    const program::Value& result = graph.values[id];
    return result.kind == program::Kind::Tensor && result.dtype == DType::Undefined;
  });
}

}  // namespace

Values Lowerer::call(const program::Graph& graph, const program::Node& node) {
  Context context(*this, builder_, graph, node);
  if (options_.translations.targets.contains(node.target)) return translate_call(context, options_.translations);
  const Entry* entry = find_op(node.target);
  if (entry == nullptr || entry->lower == nullptr) {
    if (options_.custom_ops_keep && is_custom(node)) return keep_custom_op(context);
    note_unsupported(node, "");
    return stand_ins(graph, node);
  }
  if (has_unknown_type(graph, node)) context.unsupported("a result of a type that ONNX lacks");
  if (!computes_with_complex(graph, node)) return entry->lower(context);
  return lower_complex(context, entry->lower);
}

// Values of the recorded types, so that the rest of the program is looked at too before the one error is raised.
Values Lowerer::stand_ins(const program::Graph& graph, const program::Node& node) {
  Values values;
  for (program::ValueId id : node.outputs) {
    const program::Value& recorded = graph.values[id];
    const bool tensor = recorded.kind == program::Kind::Tensor;
    onnx::Value value;
    value.dtype = tensor ? part_type(recorded.dtype) : DType::Int64;
    value.shape = tensor ? shape_of(recorded.sizes) : onnx::Shape{{1, ""}};
    if (tensor && is_complex(recorded.dtype)) values.push_back({builder_.model().add_value(onnx::Value(value))});
    values.push_back({builder_.model().add_value(std::move(value))});
  }
  return values;
}

void Lowerer::note_unsupported(const program::Node& node, const std::string& why) {
  const std::string key = node.target + "\n" + why;
  auto [found, fresh] = unsupported_.try_emplace(key);
  if (fresh) {
    found->second = {node.target, why, program_.modules[node.scope].path, 0};
    unsupported_order_.push_back(key);
  }
  ++found->second.count;
}

// Results in the order of the call's, the imaginary part of a complex one behind its real part.
void Lowerer::define_results(const program::Graph& graph, const program::Node& node, Values results) {
  std::size_t expected = node.outputs.size();
  for (program::ValueId id : node.outputs) expected += is_complex(graph.values[id].dtype) ? 1 : 0;
  if (results.empty()) results.resize(expected);
  if (results.size() < expected) {
    fail(ErrorKind::Internal, "the lowering of " + node.target + " gives " + std::to_string(results.size()) +
                                  " results, torch has " + std::to_string(expected));
  }
  std::size_t next = 0;
  for (program::ValueId id : node.outputs) {
    const program::Value& recorded = graph.values[id];
    const bool complex = is_complex(recorded.dtype);
    const V v = results[next++];
    const V im = complex ? results[next++] : V{};
    if (!v) continue;
    Complex value{defined(recorded, v, complex ? "_real" : ""), {}};
    if (im) value.im = defined(recorded, im, "_imag");
    bind(id, value);
    learn_sizes(recorded, value.re);
  }
}

// Torch's record of a result is the truth: its type, its sizes and its name.
V Lowerer::defined(const program::Value& recorded, V v, const std::string& suffix) {
  const DType dtype = part_type(recorded.dtype);
  if (recorded.kind == program::Kind::Tensor) {
    if (dtype != DType::Undefined && builder_.dtype(v) != dtype && builder_.dtype(v) != DType::Undefined &&
        !builder_.value(v).is_sequence) {
      v = builder_.cast(v, dtype);
    }
    if (builder_.value(v).initializer < 0 && !builder_.value(v).is_sequence) {
      builder_.refine(v, dtype, shape_of(recorded.sizes));
    }
  }
  onnx::Value& value = builder_.model().values[v.id];
  if (value.name.empty() && !recorded.name.empty()) {
    // Names of sub-graphs' values may repeat those of outer ones.
    const std::string name = recorded.name + suffix;
    const uint32_t repeat = used_names_[name]++;
    value.name = repeat == 0 ? name : name + "_" + std::to_string(repeat);
  }
  return v;
}

Values Lowerer::lower_body(uint32_t index, const Values& inputs) {
  const program::Graph& graph = *program_.graphs.at(index);
  frames_.push_back({&graph, Values(graph.values.size()), {}, {}, {}});
  std::size_t next = 0;
  for (const program::Input& input : graph.inputs) {
    if (input.weight.storage != nullptr) {
      bind_weight(input);
      continue;
    }
    const bool complex = input.value != program::kNoValue && is_complex(graph.values[input.value].dtype);
    if (next + (complex ? 1 : 0) >= inputs.size()) {
      fail(ErrorKind::Internal, "a sub-graph has more inputs than its caller gives");
    }
    const V v = inputs[next++];
    const V im = complex ? inputs[next++] : V{};
    if (input.value == program::kNoValue || !v) continue;
    bind(input.value, {v, im});
    learn_sizes(graph.values[input.value], v);
  }
  lower_nodes(graph);
  Values outputs;
  for (const program::Output& output : graph.outputs) {
    outputs.push_back(output_value(output));
    if (const auto* reference = output.value.as<program::ValueRef>(); reference != nullptr) {
      if (is_complex(graph.values[reference->id].dtype)) outputs.push_back(imaginary(reference->id));
    }
  }
  frames_.pop_back();
  return outputs;
}

// ---- values and sizes ----

V Lowerer::value(program::ValueId id) { return frames_.back().values.at(id); }

V Lowerer::imaginary(program::ValueId id) { return frames_.back().imaginary.at(id); }

onnx::Shape Lowerer::shape_of(const std::vector<program::Dim>& dims) {
  onnx::Shape shape;
  for (const program::Dim& dim : dims) {
    if (dim.is_static()) {
      shape.push_back({dim.value, ""});
    } else {
      shape.push_back({-1, printed(dim.expr)});
    }
  }
  return shape;
}

const std::string& Lowerer::printed(program::ExprId expr) {
  std::string& text = printed_[expr];
  if (text.empty()) text = program_.symbols.print(expr);
  return text;
}

// Remembers where a symbolic size can be read, the first place of each in execution order.
void Lowerer::learn_sizes(const program::Value& recorded, V v) {
  if (recorded.kind == program::Kind::SymInt) {
    if (!recorded.scalar.is_static()) {
      frames_.back().sizes.try_emplace(recorded.scalar.expr, Size(v, printed(recorded.scalar.expr)));
    }
    return;
  }
  for (std::size_t axis = 0; axis < recorded.sizes.size(); ++axis) {
    const program::Dim& dim = recorded.sizes[axis];
    if (!dim.is_static()) frames_.back().axes.try_emplace(dim.expr, v, static_cast<int64_t>(axis));
  }
}

Size Lowerer::size_of(const program::Dim& dim) {
  if (dim.is_static()) return dim.value;
  // From the innermost graph outwards: a body sees what surrounds it.
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (const auto known = frame->sizes.find(dim.expr); known != frame->sizes.end()) return known->second;
    if (const auto axis = frame->axes.find(dim.expr); axis != frame->axes.end()) {
      Size size = builder_.size_of(axis->second.first, axis->second.second);
      if (!size.is_static()) size.param = printed(dim.expr);
      return size;
    }
  }
  return compute_size(dim.expr);
}

// An expression that no value has as its size: from its parts.
Size Lowerer::compute_size(program::ExprId expr) {
  const program::Expr& e = program_.symbols[expr];
  const auto part = [&](std::size_t i) { return size_of({0, e.args.at(i)}); };
  const auto fold = [&](auto combine) {
    Size result = part(0);
    for (std::size_t i = 1; i < e.args.size(); ++i) result = combine(result, part(i));
    return result;
  };
  if (e.head == "Integer") return e.integer;
  if (e.head == "Add") return fold([&](const Size& a, const Size& b) { return builder_.size_add(a, b); });
  if (e.head == "Mul") return fold([&](const Size& a, const Size& b) { return builder_.size_mul(a, b); });
  if (e.head == "Max") return fold([&](const Size& a, const Size& b) { return builder_.size_max(a, b); });
  if (e.head == "Min") return fold([&](const Size& a, const Size& b) { return builder_.size_min(a, b); });
  if (e.head == "FloorDiv" || e.head == "CleanDiv") return builder_.size_floordiv(part(0), part(1));
  if (e.head == "Mod" || e.head == "PythonMod") {
    return Size(builder_.op("Mod", {builder_.as_vector(part(0)), builder_.as_vector(part(1))}));
  }
  if (e.head == "Pow" && program_.symbols[e.args.at(1)].head == "Integer") {
    Size result = 1;
    for (int64_t i = 0; i < program_.symbols[e.args[1]].integer; ++i) result = builder_.size_mul(result, part(0));
    return result;
  }
  if (e.head == "TruncToInt") return Size(builder_.cast(compute_number(e.args.at(0)), DType::Int64));
  if (e.head == "FloorToInt" || e.head == "CeilToInt") {
    const V rounded = builder_.op(e.head == "FloorToInt" ? "Floor" : "Ceil", {compute_number(e.args.at(0))});
    return Size(builder_.cast(rounded, DType::Int64));
  }
  fail(ErrorKind::AuxiliaryOperation, "the size " + printed(expr) + " cannot be computed in ONNX");
}

// A number with a fraction on the way to a size, as in int(size * 1.5): double[1].
V Lowerer::compute_number(program::ExprId expr) {
  const program::Expr& e = program_.symbols[expr];
  const auto fold = [&](auto combine) {
    V result = compute_number(e.args.at(0));
    for (std::size_t i = 1; i < e.args.size(); ++i) result = combine(result, compute_number(e.args[i]));
    return result;
  };
  if (e.head == "Float") {
    double number = 0;
    const char* end = e.symbol.data() + e.symbol.size();
    if (std::from_chars(e.symbol.data(), end, number).ptr != end) fail("the size " + printed(expr) + " is no number");
    return builder_.full(number, DType::Float64, {1});
  }
  if (e.head == "ToFloat") return compute_number(e.args.at(0));
  if (e.head == "Add") return fold([&](V a, V b) { return builder_.add(a, b); });
  if (e.head == "Mul") return fold([&](V a, V b) { return builder_.mul(a, b); });
  if (e.head == "FloatTrueDiv" || e.head == "IntTrueDiv") return fold([&](V a, V b) { return builder_.div(a, b); });
  return builder_.cast(builder_.as_vector(size_of({0, expr})), DType::Float64);
}

}  // namespace modelexport::lower
