// Builder::splice: nodes that somebody else made, taken over into the model under construction.
#include <unordered_map>
#include <utility>

#include "lower/builder.h"
#include "onnx/infer.h"

namespace modelexport::lower {

namespace {

// A copy of its own: `bytes` of the other model may go.
TensorView owned(const TensorView& view) {
  if (view.dtype == DType::String) {
    TensorView copy = view;
    const auto bytes =
        std::make_shared<std::vector<std::byte>>(view.storage->data, view.storage->data + view.storage->size);
    copy.storage = std::make_shared<Storage>(Storage{bytes->data(), bytes->size(), bytes});
    return copy;
  }
  std::vector<std::byte> bytes(view.nbytes());
  view.gather(0, view.numel(), bytes.data());
  return make_tensor(view.dtype, view.sizes, std::move(bytes));
}

class Splicer {
 public:
  Splicer(Builder& builder, const onnx::Model& other) : builder_(builder), other_(other) {}

  Values run(const Values& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) values_[other_.graph.inputs[i]] = inputs[i].id;
    for (const onnx::Initializer& constant : other_.initializers) {
      values_[constant.value] = builder_.constant(owned(constant.data)).id;
    }
    take(other_.graph, builder_.graph());
    Values outputs;
    for (onnx::ValueId id : other_.graph.outputs) outputs.push_back({value(id)});
    return outputs;
  }

 private:
  // Tensors of Constant nodes become constants of the model, as everywhere.
  void take(const onnx::Graph& from, onnx::Graph& to) {
    for (const onnx::Node& node : from.nodes) {
      const onnx::Attribute* held = node.op_type == "Constant" && node.domain.empty() ? node.find("value") : nullptr;
      const auto* tensor = held == nullptr ? nullptr : std::get_if<TensorView>(&held->value);
      if (tensor != nullptr) {
        values_[node.outputs.front()] = builder_.constant(owned(*tensor)).id;
      } else {
        to.nodes.push_back(copied(node));
      }
    }
  }

  onnx::Node copied(const onnx::Node& node) {
    onnx::Node copy;
    copy.op_type = node.op_type;
    copy.domain = node.domain;
    copy.overload = node.overload;
    copy.scope = builder_.stamp().scope;
    copy.provenance = builder_.stamp().provenance;
    copy.origin = builder_.stamp().origin;
    for (onnx::ValueId id : node.inputs) copy.inputs.push_back(value(id));
    for (const onnx::Attribute& attribute : node.attributes) {
      copy.attributes.push_back({attribute.name, copied(attribute.value)});
    }
    for (onnx::ValueId id : node.outputs) copy.outputs.push_back(value(id));
    // What the other model does not say of its values follows from the inputs.
    const auto types = onnx::infer_types(builder_.model(), copy);
    for (std::size_t i = 0; i < copy.outputs.size(); ++i) {
      if (copy.outputs[i] == onnx::kNoValue) continue;
      onnx::Value& made = builder_.model().values[copy.outputs[i]];
      if (made.dtype == DType::Undefined) made.dtype = types[i].dtype;
      if (!made.shape) made.shape = types[i].shape;
    }
    return copy;
  }

  onnx::AttributeValue copied(const onnx::AttributeValue& attribute) {
    if (const auto* tensor = std::get_if<TensorView>(&attribute)) return owned(*tensor);
    const auto* body = std::get_if<std::shared_ptr<onnx::Graph>>(&attribute);
    if (body == nullptr) return attribute;
    auto copy = std::make_shared<onnx::Graph>();
    copy->name = (*body)->name;
    for (onnx::ValueId id : (*body)->inputs) copy->inputs.push_back(value(id));
    take(**body, *copy);
    for (onnx::ValueId id : (*body)->outputs) copy->outputs.push_back(value(id));
    return copy;
  }

  onnx::ValueId value(onnx::ValueId id) {
    if (id == onnx::kNoValue) return id;
    const auto [found, is_new] = values_.try_emplace(id, onnx::kNoValue);
    if (is_new) {
      onnx::Value copy = other_.values[id];
      copy.name.clear();
      copy.initializer = -1;
      found->second = builder_.model().add_value(std::move(copy));
    }
    return found->second;
  }

  Builder& builder_;
  const onnx::Model& other_;
  std::unordered_map<onnx::ValueId, onnx::ValueId> values_;
};

}  // namespace

Values Builder::splice(const onnx::Model& other, const Values& inputs) {
  for (const onnx::OpsetImport& opset : other.opsets) import_domain(opset.domain, opset.version);
  return Splicer(*this, other).run(inputs);
}

}  // namespace modelexport::lower
