#include "onnx/encode_parts.h"

#include <cstring>
#include <protozero/varint.hpp>
#include <unordered_set>

#include "onnx/external_data.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

// protozero leaves out a nested message that is empty, but an empty dimension is an unknown one, an empty shape that of
// a scalar. Such messages are made in strings of their own.
std::string encoded_shape(const Shape& shape) {
  std::string bytes;
  Builder<TensorShapeProto> dims(bytes);
  for (const auto& dim : shape) {
    std::string dim_bytes;
    Builder<Dimension> dimension(dim_bytes);
    if (dim.is_static()) {
      dimension.add_int64(Dimension::DimValue, dim.value);
    } else if (!dim.param.empty()) {
      dimension.add_string(Dimension::DimParam, dim.param);
    }
    dims.add_message(TensorShapeProto::Dim, dim_bytes);
  }
  return bytes;
}

void add_tensor_type(Builder<TypeProto>& type, const Value& value) {
  Builder<TensorType> tensor(type, TypeProto::TensorType);
  tensor.add_int32(TensorType::ElemType, static_cast<int32_t>(value.dtype));
  if (value.shape) tensor.add_message(TensorType::Shape, encoded_shape(*value.shape));
}

void add_value_info(Builder<GraphProto>& graph, GraphProto tag, const Value& value) {
  Builder<ValueInfoProto> info(graph, tag);
  info.add_string(ValueInfoProto::Name, value.name);
  if (value.other_type != nullptr) info.add_message(ValueInfoProto::Type, *value.other_type);
  if (value.dtype == DType::Undefined) return;
  Builder<TypeProto> type(info, ValueInfoProto::Type);
  if (value.is_sequence) {
    Builder<TensorType> sequence(type, TypeProto::SequenceType);
    Builder<TypeProto> element(sequence, TensorType::ElemType);
    add_tensor_type(element, value);
  } else {
    add_tensor_type(type, value);
  }
}

std::string encoded_tensor_header(const TensorView& tensor, const std::string& name) {
  std::string bytes;
  Builder<TensorProto> out(bytes);
  for (const auto size : tensor.sizes) out.add_int64(TensorProto::Dims, size);
  out.add_int32(TensorProto::DataType, static_cast<int32_t>(tensor.dtype));
  if (!name.empty()) out.add_string(TensorProto::Name, name);
  return bytes;
}

// Of an attribute, which is small, so that its bytes may pass through memory.
std::string encoded_tensor(const TensorView& tensor) {
  std::string bytes = encoded_tensor_start(tensor, "");
  const auto begin = bytes.size();
  bytes.resize(begin + stored_bytes(tensor));
  auto* out = reinterpret_cast<std::byte*>(bytes.data() + begin);
  if (size_of(tensor.dtype) != 0) {
    tensor.gather(0, tensor.numel(), out);
  } else if (begin < bytes.size()) {
    std::memcpy(out, tensor.storage->data, tensor.storage->size);
  }
  return bytes;
}

std::string encoded_body(const Model& model, const Graph& body) {
  std::string bytes;
  Builder<GraphProto> out(bytes);
  add_interface(out, model, body);
  for (const auto& node : body.nodes) add_node(out, model, node);
  for (const auto id : inner_values(model, body)) add_inner_value(out, model.values[id]);
  return bytes;
}

// Writes the value and returns its type.
struct AttributeValueEncoder {
  const Model& model;
  Builder<AttributeProto>& out;

  AttributeType operator()(int64_t value) const {
    out.add_int64(AttributeProto::Int, value);
    return AttributeType::Int;
  }
  AttributeType operator()(float value) const {
    out.add_float(AttributeProto::Float, value);
    return AttributeType::Float;
  }
  AttributeType operator()(const std::string& value) const {
    out.add_bytes(AttributeProto::String, value);
    return AttributeType::String;
  }
  AttributeType operator()(const std::vector<int64_t>& values) const {
    for (const auto value : values) out.add_int64(AttributeProto::Ints, value);
    return AttributeType::Ints;
  }
  AttributeType operator()(const std::vector<float>& values) const {
    for (const auto value : values) out.add_float(AttributeProto::Floats, value);
    return AttributeType::Floats;
  }
  AttributeType operator()(const std::vector<std::string>& values) const {
    for (const auto& value : values) out.add_bytes(AttributeProto::Strings, value);
    return AttributeType::Strings;
  }
  AttributeType operator()(const TensorView& value) const {
    out.add_message(AttributeProto::Tensor, encoded_tensor(value));
    return AttributeType::Tensor;
  }
  AttributeType operator()(const std::shared_ptr<Graph>& value) const {
    out.add_message(AttributeProto::Graph, encoded_body(model, *value));
    return AttributeType::Graph;
  }
  AttributeType operator()(const EncodedAttribute&) const { return AttributeType::Undefined; }
};

void add_attribute(Builder<NodeProto>& node, const Model& model, const Attribute& attribute) {
  if (const auto* encoded = std::get_if<EncodedAttribute>(&attribute.value)) {
    node.add_message(NodeProto::Attribute, encoded->bytes);
    return;
  }
  Builder<AttributeProto> out(node, NodeProto::Attribute);
  out.add_string(AttributeProto::Name, attribute.name);
  const auto type = std::visit(AttributeValueEncoder{model, out}, attribute.value);
  out.add_enum(AttributeProto::Type, static_cast<int32_t>(type));
}

const std::string& name_of_value(const Model& model, ValueId id) {
  static const std::string kOmitted;
  return id == kNoValue ? kOmitted : model.values[id].name;
}

template <typename Parent>
void add_node_fields(Builder<Parent>& parent, Parent tag, const Model& model, const Node& node) {
  Builder<NodeProto> out(parent, tag);
  for (const auto id : node.inputs) out.add_string(NodeProto::Input, name_of_value(model, id));
  for (const auto id : node.outputs) out.add_string(NodeProto::Output, name_of_value(model, id));
  if (!node.name.empty()) out.add_string(NodeProto::Name, node.name);
  out.add_string(NodeProto::OpType, node.op_type);
  for (const auto& attribute : node.attributes) add_attribute(out, model, attribute);
  if (!node.domain.empty()) out.add_string(NodeProto::Domain, node.domain);
  if (!node.overload.empty()) out.add_string(NodeProto::Overload, node.overload);
  add_metadata(out, NodeProto::MetadataProps, node.metadata);
}

}  // namespace

void append_field_header(std::string& out, Tag tag, uint64_t length) {
  constexpr auto kWireType = static_cast<uint32_t>(protozero::pbf_wire_type::length_delimited);
  protozero::add_varint_to_buffer(&out, (tag << 3U) | kWireType);
  protozero::add_varint_to_buffer(&out, length);
}

std::string encoded_tensor_start(const TensorView& tensor, const std::string& name) {
  std::string bytes = encoded_tensor_header(tensor, name);
  const auto length = stored_bytes(tensor);
  // Strings are stored with the headers of their fields; a tensor without elements has no data.
  if (length > 0 && tensor.dtype != DType::String) {
    append_field_header(bytes, static_cast<Tag>(TensorProto::RawData), length);
  }
  return bytes;
}

std::string encoded_external_tensor(const TensorView& tensor, const std::string& name, const std::string& location,
                                    uint64_t offset, uint64_t length) {
  std::string bytes = encoded_tensor_header(tensor, name);
  Builder<TensorProto> out(bytes);
  add_metadata(out, TensorProto::ExternalData,
               {{"location", location}, {"offset", std::to_string(offset)}, {"length", std::to_string(length)}});
  out.add_enum(TensorProto::DataLocation, static_cast<int32_t>(DataLocation::External));
  return bytes;
}

void add_node(Builder<GraphProto>& out, const Model& model, const Node& node) {
  add_node_fields(out, GraphProto::Node, model, node);
}

void add_interface(Builder<GraphProto>& out, const Model& model, const Graph& graph) {
  out.add_string(GraphProto::Name, graph.name);
  for (const auto id : graph.inputs) add_value_info(out, GraphProto::Input, model.values[id]);
  for (const auto id : graph.outputs) add_value_info(out, GraphProto::Output, model.values[id]);
}

void add_inner_value(Builder<GraphProto>& out, const Value& value) {
  add_value_info(out, GraphProto::ValueInfo, value);
}

std::vector<ValueId> inner_values(const Model& model, const Graph& graph) {
  const std::unordered_set<ValueId> outputs(graph.outputs.begin(), graph.outputs.end());
  std::vector<ValueId> inner;
  for (const auto& node : graph.nodes) {
    for (const auto id : node.outputs) {
      if (id != kNoValue && model.values[id].dtype != DType::Undefined && !outputs.contains(id)) inner.push_back(id);
    }
  }
  return inner;
}

void add_function(Builder<ModelProto>& out, const Model& model, const Function& function) {
  Builder<FunctionProto> bytes(out, ModelProto::Functions);
  bytes.add_string(FunctionProto::Name, function.name);
  for (const auto id : function.body->inputs) bytes.add_string(FunctionProto::Input, name_of_value(model, id));
  for (const auto id : function.body->outputs) bytes.add_string(FunctionProto::Output, name_of_value(model, id));
  for (const auto& name : function.attributes) bytes.add_string(FunctionProto::Attribute, name);
  for (const auto& node : function.body->nodes) add_node_fields(bytes, FunctionProto::Node, model, node);
  add_opsets(bytes, FunctionProto::OpsetImport, function.opsets);
  bytes.add_string(FunctionProto::Domain, function.domain);
  for (const auto& attribute : function.defaulted) bytes.add_message(FunctionProto::AttributeProto, attribute.bytes);
  if (!function.overload.empty()) bytes.add_string(FunctionProto::Overload, function.overload);
}

}  // namespace modelexport::onnx
