// Nodes, constants and graphs. The building blocks on top of them are in builder_blocks.cpp.
#include "lower/builder.h"

#include <algorithm>
#include <cstring>

#include "lower/kernel_gaps.h"
#include "onnx/evaluate.h"
#include "onnx/infer.h"
#include "support/convert.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

// Constants up to this size are compared by content and shared.
constexpr uint64_t kSharedConstantBytes = 256;

std::string content_key(const TensorView& tensor) {
  std::string key(1, static_cast<char>(tensor.dtype));
  for (int64_t size : tensor.sizes) key.append(reinterpret_cast<const char*>(&size), sizeof size);
  key.push_back('|');
  const std::size_t header = key.size();
  key.resize(header + tensor.nbytes());
  tensor.gather(0, tensor.numel(), reinterpret_cast<std::byte*>(key.data() + header));
  return key;
}

onnx::Node make_node(std::string_view op_type, const Values& inputs, const Attrs& attrs) {
  onnx::Node node;
  node.op_type = op_type;
  for (V input : inputs) node.inputs.push_back(input.id);
  for (const Attr& attr : attrs) node.attributes.push_back({attr.name, attr.value});
  return node;
}

}  // namespace

std::optional<std::vector<int64_t>> static_sizes(const Sizes& sizes) {
  std::vector<int64_t> numbers;
  for (const Size& size : sizes) {
    if (!size.is_static()) return std::nullopt;
    numbers.push_back(size.value);
  }
  return numbers;
}

Builder::Builder(onnx::Model& model, int64_t opset, bool fold)
    : model_(model), opset_(opset), fold_(fold), graphs_{&model.graph} {}

V Builder::op(std::string_view op_type, Values inputs, const Attrs& attrs) {
  return ops(op_type, std::move(inputs), 1, attrs).front();
}

// Inputs of a type that has no kernel are cast before the node, and its outputs back to what they would have been.
Values Builder::ops(std::string_view op_type, Values inputs, std::size_t n_outputs, const Attrs& attrs) {
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  Values computed = inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]) continue;
    const auto compute = compute_type(op_type, i, dtype(inputs[i]), opset_);
    if (compute) computed[i] = cast(inputs[i], *compute);
  }
  Values outputs = emit(make_node(op_type, computed, attrs), n_outputs);
  if (computed == inputs) return outputs;
  onnx::Node wanted = make_node(op_type, inputs, attrs);
  wanted.outputs.resize(n_outputs);
  const auto types = onnx::infer_types(model_, wanted);
  for (std::size_t i = 0; i < n_outputs; ++i) outputs[i] = cast(outputs[i], types[i].dtype);
  return outputs;
}

Values Builder::custom(const std::string& domain, std::string_view op_type, Values inputs, std::size_t n_outputs,
                       const Attrs& attrs) {
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  onnx::Node node = make_node(op_type, inputs, attrs);
  node.domain = domain;
  import_domain(domain, 1);
  return emit(std::move(node), n_outputs);
}

void Builder::import_domain(const std::string& domain, int64_t version) {
  auto& opsets = model_.opsets;
  if (std::ranges::find(opsets, domain, &onnx::OpsetImport::domain) == opsets.end())
    opsets.push_back({domain, version});
}

Values Builder::emit(onnx::Node node, std::size_t n_outputs) {
  if (fold_ && node.domain.empty()) {
    if (auto constants = folded(node)) return *constants;
  }
  Values outputs;
  for (std::size_t i = 0; i < n_outputs; ++i) {
    outputs.push_back({model_.add_value({})});
    node.outputs.push_back(outputs.back().id);
  }
  const auto types = onnx::infer_types(model_, node);
  for (std::size_t i = 0; i < n_outputs; ++i) {
    model_.values[node.outputs[i]].dtype = types[i].dtype;
    model_.values[node.outputs[i]].shape = types[i].shape;
  }
  node.scope = stamp_.scope;
  node.provenance = stamp_.provenance;
  node.origin = stamp_.origin;
  graph().nodes.push_back(std::move(node));
  return outputs;
}

std::optional<Values> Builder::folded(const onnx::Node& node) {
  std::vector<const TensorView*> inputs;
  for (onnx::ValueId id : node.inputs) {
    const TensorView* constant = id == onnx::kNoValue ? nullptr : constant_of({id});
    if (id != onnx::kNoValue && constant == nullptr) return std::nullopt;
    inputs.push_back(constant);
  }
  if (inputs.empty()) return std::nullopt;
  auto results = onnx::evaluate(node, inputs);
  if (!results) return std::nullopt;
  Values constants;
  for (TensorView& result : *results) constants.push_back(constant(std::move(result)));
  return constants;
}

V Builder::constant(TensorView tensor) {
  const bool shared = tensor.nbytes() <= kSharedConstantBytes;
  std::string key;
  if (shared) {
    key = content_key(tensor);
    const auto found = shared_constants_.find(key);
    if (found != shared_constants_.end()) return {found->second};
  }
  const V v = add_initializer("", std::move(tensor), false);
  if (shared) shared_constants_.emplace(std::move(key), v.id);
  return v;
}

V Builder::ints(const std::vector<int64_t>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(int64_t));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return constant(make_tensor(DType::Int64, {static_cast<int64_t>(values.size())}, std::move(bytes)));
}

V Builder::scalar(double value, DType dtype) { return full(value, dtype, {}); }

V Builder::scalar_int(int64_t value, DType dtype) {
  std::vector<std::byte> bytes(modelexport::size_of(dtype));
  if (!convert_elements(DType::Int64, reinterpret_cast<const std::byte*>(&value), dtype, bytes.data(), 1)) {
    fail(ErrorKind::Internal, "no integer constant of type " + std::string(name_of(dtype)));
  }
  return constant(make_tensor(dtype, {}, std::move(bytes)));
}

V Builder::full(double value, DType dtype, const std::vector<int64_t>& sizes) {
  std::vector<std::byte> bytes(modelexport::size_of(dtype));
  if (!convert_elements(DType::Float64, reinterpret_cast<const std::byte*>(&value), dtype, bytes.data(), 1)) {
    fail(ErrorKind::Internal, "no constant of type " + std::string(name_of(dtype)));
  }
  TensorView tensor = make_tensor(dtype, {}, std::move(bytes));
  tensor.sizes = sizes;
  tensor.strides.assign(sizes.size(), 0);
  return constant(std::move(tensor));
}

std::optional<int64_t> Builder::rank(V v) const {
  const auto& shape = value(v).shape;
  if (!shape) return std::nullopt;
  return static_cast<int64_t>(shape->size());
}

const onnx::Initializer* Builder::initializer_of(V v) const { return model_.initializer_of(v.id); }

const TensorView* Builder::constant_of(V v) const {
  const onnx::Initializer* initializer = initializer_of(v);
  return initializer == nullptr || initializer->is_parameter ? nullptr : &initializer->data;
}

std::optional<std::vector<int64_t>> Builder::const_ints(V v) const {
  const TensorView* constant = constant_of(v);
  return constant == nullptr ? std::nullopt : onnx::read_ints(*constant);
}

V Builder::add_initializer(const std::string& name, TensorView data, bool is_parameter) {
  onnx::Initializer& added = model_.add_initializer(name, std::move(data));
  added.is_parameter = is_parameter;
  return {added.value};
}

void Builder::refine(V v, DType dtype, std::optional<onnx::Shape> shape) {
  onnx::Value& value = model_.values[v.id];
  if (value.initializer >= 0) return;
  if (dtype != DType::Undefined) value.dtype = dtype;
  if (shape) value.shape = std::move(shape);
}

void Builder::enter_graph(std::string name) {
  bodies_.push_back(std::make_shared<onnx::Graph>());
  bodies_.back()->name = std::move(name);
  graphs_.push_back(bodies_.back().get());
}

V Builder::graph_input(const std::string& name, DType dtype, std::optional<onnx::Shape> shape) {
  onnx::Value value;
  value.name = name;
  value.dtype = dtype;
  value.shape = std::move(shape);
  const V v{model_.add_value(std::move(value))};
  graph().inputs.push_back(v.id);
  return v;
}

// A body must yield values of its own: what it passes through from outside or from a constant goes through Identity.
std::shared_ptr<onnx::Graph> Builder::leave_graph(const Values& outputs) {
  std::vector<onnx::ValueId> made;
  for (const auto& node : graph().nodes) made.insert(made.end(), node.outputs.begin(), node.outputs.end());
  std::sort(made.begin(), made.end());
  std::vector<onnx::ValueId> ids;
  for (V output : outputs) {
    const bool own = std::binary_search(made.begin(), made.end(), output.id);
    const bool repeated = std::find(ids.begin(), ids.end(), output.id) != ids.end();
    if (own && !repeated) {
      ids.push_back(output.id);
      continue;
    }
    const bool fold = std::exchange(fold_, false);
    ids.push_back(op("Identity", {output}).id);
    fold_ = fold;
  }
  graph().outputs = std::move(ids);
  auto body = bodies_.back();
  bodies_.pop_back();
  graphs_.pop_back();
  return body;
}

}  // namespace modelexport::lower
