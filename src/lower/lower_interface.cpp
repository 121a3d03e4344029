// What the graph takes and gives: user inputs, weights, and outputs under their names.
#include <algorithm>

#include "lower/lower.h"
#include "lower/ops/complex_form.h"
#include "lower/ops/complex_math.h"

namespace modelexport::lower {

namespace {

// Where the bytes of a weight lie and how they are read: equal for tied weights.
std::string identity_of(const TensorView& view) {
  std::string key = std::to_string(reinterpret_cast<uintptr_t>(view.storage->data)) + "/" +
                    std::to_string(static_cast<int>(view.dtype)) + "/" + std::to_string(view.offset);
  for (std::size_t i = 0; i < view.sizes.size(); ++i) {
    key += "," + std::to_string(view.sizes[i]) + ":" + std::to_string(view.strides[i]);
  }
  return key;
}

}  // namespace

// ---- inputs ----

void Lowerer::bind_inputs(const program::Graph& graph) {
  std::size_t position = 0;
  for (const program::Input& input : graph.inputs) {
    if (input.kind == program::InputKind::UserInput && input.value != program::kNoValue) {
      if (graph.values[input.value].kind == program::Kind::None) continue;
      bind_user_input(input, position++);
    } else if (input.weight.storage != nullptr && input.value != program::kNoValue) {
      bind_weight(input);
    }
  }
  if (!options_.input_names.empty() && options_.input_names.size() != position) {
    fail("input_names has " + std::to_string(options_.input_names.size()) + " names, but the model has " +
         std::to_string(position) + " tensor inputs");
  }
}

void Lowerer::bind_user_input(const program::Input& input, std::size_t position) {
  const program::Value& recorded = frames_.back().graph->values[input.value];
  const std::string& name = position < options_.input_names.size() ? options_.input_names[position] : recorded.name;
  if (recorded.kind == program::Kind::Tensor) {
    const bool complex = is_complex(recorded.dtype);
    onnx::Shape shape = shape_of(recorded.sizes);
    if (complex) shape.push_back({2, ""});
    const V v = builder_.graph_input(name, part_type(recorded.dtype), std::move(shape));
    learn_sizes(recorded, v);
    const Complex parts =
        complex ? parts_of_pairs(builder_, v, static_cast<int64_t>(recorded.sizes.size())) : Complex{v, {}};
    bind(input.value, parts);
    return;
  }
  // Numbers that may vary are rank-0 inputs; inside, symbolic integers have shape [1].
  const DType dtype = recorded.kind == program::Kind::SymInt    ? DType::Int64
                      : recorded.kind == program::Kind::SymBool ? DType::Bool
                                                                : DType::Float64;
  const V v = builder_.graph_input(name, dtype, onnx::Shape{});
  frames_.back().values[input.value] = builder_.unsqueeze(v, {0});
  learn_sizes(recorded, frames_.back().values[input.value]);
}

void Lowerer::bind(program::ValueId id, const Complex& value) {
  frames_.back().values[id] = value.re;
  if (value.im) frames_.back().imaginary[id] = value.im;
}

void Lowerer::bind_weight(const program::Input& input) {
  if (!is_complex(input.weight.dtype)) return bind(input.value, {weight(input, input.target, input.weight), {}});
  // Every second number is a real part, those between are the imaginary ones.
  TensorView part = input.weight;
  part.dtype = part_type(part.dtype);
  part.offset *= 2;
  for (int64_t& stride : part.strides) stride *= 2;
  const V re = weight(input, input.target + ".real", part);
  ++part.offset;
  bind(input.value, {re, weight(input, input.target + ".imag", part)});
}

V Lowerer::weight(const program::Input& input, const std::string& name, const TensorView& data) {
  V& tied = weights_[identity_of(data)];
  if (!tied) {
    // Constants of the program, also those inside of bodies, are no parameters that a caller could give.
    if (options_.export_params || input.kind == program::InputKind::Constant) {
      tied = builder_.add_initializer(name, data, input.kind == program::InputKind::Parameter);
    } else {
      tied = builder_.graph_input(name, data.dtype, onnx::static_shape(data.sizes));
    }
  }
  return tied;
}

// ---- outputs ----

V Lowerer::output_value(const program::Output& output) {
  if (const auto* reference = output.value.as<program::ValueRef>()) return value(reference->id);
  if (const auto* integer = output.value.as<int64_t>()) return builder_.scalar_int(*integer);
  if (const auto* real = output.value.as<double>()) return builder_.scalar(*real, DType::Float32);
  if (const auto* truth = output.value.as<bool>()) return builder_.scalar_int(*truth ? 1 : 0, DType::Bool);
  return {};
}

// A value that no other output, input or initializer is.
V Lowerer::own_output(V v) {
  const onnx::Graph& graph = builder_.graph();
  const auto is_among = [&](const std::vector<onnx::ValueId>& ids) {
    return std::ranges::find(ids, v.id) != ids.end();
  };
  if (!is_among(graph.inputs) && !is_among(graph.outputs) && builder_.value(v).initializer < 0) return v;
  onnx::Node identity;
  identity.op_type = "Identity";
  identity.inputs = {v.id};
  identity.provenance = Provenance::Inherited;
  const V copy{builder_.model().add_value({})};
  builder_.refine(copy, builder_.dtype(v), builder_.value(v).shape);
  identity.outputs = {copy.id};
  builder_.graph().nodes.push_back(std::move(identity));
  return copy;
}

void Lowerer::bind_outputs(const program::Graph& graph) {
  // What the root's return statement does is nobody's call: it has no record.
  builder_.set_stamp({kRootScope, Provenance::Inherited, ""});
  std::vector<std::string> names = options_.output_names.empty() ? program_.output_names : options_.output_names;
  std::size_t position = 0;
  std::size_t user_outputs = 0;
  for (const program::Output& output : graph.outputs) {
    V v = output_value(output);
    if (!v) {
      // None has no place in an ONNX model; its name goes with it unless the user counted the tensors alone.
      if (output.kind == program::OutputKind::UserOutput && options_.output_names.empty()) ++position;
      continue;
    }
    const bool user = output.kind == program::OutputKind::UserOutput;
    if (user) ++user_outputs;
    if (const auto* reference = output.value.as<program::ValueRef>()) {
      const program::Value& recorded = graph.values[reference->id];
      if (recorded.kind != program::Kind::Tensor) v = builder_.squeeze(v, {0});
      if (is_complex(recorded.dtype))
        v = pairs_of_parts(builder_, {v, imaginary(reference->id)}, static_cast<int64_t>(recorded.sizes.size()));
    }
    v = own_output(v);
    std::string name = user ? (position < names.size() ? names[position] : "") : output.target;
    if (user) ++position;
    std::string& value_name = builder_.model().values[v.id].name;
    if (!name.empty()) value_name = std::move(name);
    if (value_name.empty()) value_name = "output_" + std::to_string(builder_.graph().outputs.size());
    builder_.graph().outputs.push_back(v.id);
  }
  if (!options_.output_names.empty() && options_.output_names.size() != user_outputs) {
    fail("output_names has " + std::to_string(options_.output_names.size()) + " names, but the model has " +
         std::to_string(user_outputs) + " tensor outputs");
  }
}

}  // namespace modelexport::lower
