// AttributeProto: the part of GraphReader that reads attributes.
#include <string>
#include <variant>
#include <vector>

#include "onnx/graph_reader.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

// Which of the value's fields holds it, in files from before attributes had a type.
AttributeType type_of_field(AttributeProto tag) {
  switch (tag) {
    case AttributeProto::Float:
      return AttributeType::Float;
    case AttributeProto::Int:
      return AttributeType::Int;
    case AttributeProto::String:
      return AttributeType::String;
    case AttributeProto::Tensor:
      return AttributeType::Tensor;
    case AttributeProto::Graph:
      return AttributeType::Graph;
    case AttributeProto::Floats:
      return AttributeType::Floats;
    case AttributeProto::Ints:
      return AttributeType::Ints;
    case AttributeProto::Strings:
      return AttributeType::Strings;
    default:
      return AttributeType::Undefined;
  }
}

struct AttributeHeader {
  std::string name;
  AttributeType type = AttributeType::Undefined;
  bool is_reference = false;
};

AttributeHeader read_attribute_header(Message<AttributeProto> message) {
  AttributeHeader header;
  auto inferred = AttributeType::Undefined;
  while (message.next()) {
    if (const auto type = type_of_field(message.tag()); type != AttributeType::Undefined) inferred = type;
    switch (message.tag()) {
      case AttributeProto::Name:
        header.name = message.string();
        break;
      case AttributeProto::Type:
        header.type = static_cast<AttributeType>(message.integer());
        break;
      case AttributeProto::RefAttrName:
        header.is_reference = !message.bytes().empty();
        break;
      default:
        message.skip();
    }
  }
  if (header.type == AttributeType::Undefined) header.type = inferred;
  return header;
}

// What a field that is left out means; lists may have no elements.
AttributeValue empty_value(AttributeType type) {
  switch (type) {
    case AttributeType::Float:
      return 0.0F;
    case AttributeType::Int:
      return int64_t{0};
    case AttributeType::String:
      return std::string();
    case AttributeType::Floats:
      return std::vector<float>();
    case AttributeType::Ints:
      return std::vector<int64_t>();
    case AttributeType::Strings:
      return std::vector<std::string>();
    default:
      return EncodedAttribute();
  }
}

}  // namespace

Attribute GraphReader::read_attribute(std::string_view bytes, const char* origin, const Scope& scope) {
  const Message<AttributeProto> message(bytes, origin);
  const auto header = read_attribute_header(message);
  Attribute attribute{header.name, EncodedAttribute()};
  if (!header.is_reference) {
    in_context([&] { return "attribute '" + header.name + "'"; },
               [&] { attribute.value = read_attribute_value(message, header.type, scope); });
  }
  if (auto* encoded = std::get_if<EncodedAttribute>(&attribute.value)) encoded->bytes = bytes;
  return attribute;
}

AttributeValue GraphReader::read_attribute_value(Message<AttributeProto> message, AttributeType type,
                                                 const Scope& scope) {
  AttributeValue value = empty_value(type);
  while (message.next()) {
    if (type_of_field(message.tag()) != type) {
      message.skip();
      continue;
    }
    switch (message.tag()) {
      case AttributeProto::Float:
        value = message.float32();
        break;
      case AttributeProto::Int:
        value = message.integer();
        break;
      case AttributeProto::String:
        value = message.string();
        break;
      case AttributeProto::Tensor:
        if (const auto tensor = read_tensor(message.message<TensorProto>(), file_); !tensor.is_external) {
          value = tensor.data;
        }
        break;
      case AttributeProto::Graph:
        value = read_body(message.message<GraphProto>(), scope);
        break;
      case AttributeProto::Floats:
        message.float32s([&](float number) { std::get<std::vector<float>>(value).push_back(number); });
        break;
      case AttributeProto::Ints:
        message.integers([&](int64_t number) { std::get<std::vector<int64_t>>(value).push_back(number); });
        break;
      case AttributeProto::Strings:
        std::get<std::vector<std::string>>(value).push_back(message.string());
        break;
      default:
        message.skip();
    }
  }
  return value;
}

}  // namespace modelexport::onnx
