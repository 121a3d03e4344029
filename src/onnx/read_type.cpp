#include "onnx/read_type.h"

#include <utility>

namespace modelexport::onnx {

using namespace wire;

namespace {

Dim read_dim(Message<Dimension> message) {
  Dim dim;
  while (message.next()) {
    switch (message.tag()) {
      case Dimension::DimValue:
        dim.value = message.integer();
        break;
      case Dimension::DimParam:
        dim.param = message.string();
        break;
      default:
        message.skip();
    }
  }
  // Some exporters write -1 for an unknown size.
  if (dim.value < 0) dim.value = -1;
  return dim;
}

Shape read_shape(Message<TensorShapeProto> message) {
  Shape shape;
  while (message.next()) {
    if (message.tag() == TensorShapeProto::Dim) {
      shape.push_back(read_dim(message.message<Dimension>()));
    } else {
      message.skip();
    }
  }
  return shape;
}

void read_tensor_type(Message<TensorType> message, Value& value) {
  while (message.next()) {
    switch (message.tag()) {
      case TensorType::ElemType: {
        const auto number = message.integer();
        if (number < 0 || number > 255)
          message.fail_here("element type " + std::to_string(number) + " is none of ONNX");
        value.dtype = static_cast<DType>(number);
        break;
      }
      case TensorType::Shape:
        value.shape = read_shape(message.message<TensorShapeProto>());
        break;
      default:
        message.skip();
    }
  }
}

// False when the type is no tensor.
bool read_plain_type(Message<TypeProto> message, Value& value) {
  bool is_tensor = false;
  while (message.next()) {
    if (message.tag() == TypeProto::TensorType) {
      read_tensor_type(message.message<TensorType>(), value);
      is_tensor = true;
    } else {
      message.skip();
    }
  }
  return is_tensor;
}

// False when it is a sequence of other things than tensors.
bool read_sequence(Message<TensorType> message, Value& value) {
  bool is_known = false;
  while (message.next()) {
    if (message.tag() == TensorType::ElemType) {
      is_known = read_plain_type(message.message<TypeProto>(), value);
    } else {
      message.skip();
    }
  }
  value.is_sequence = is_known;
  return is_known;
}

bool read_known_type(Message<TypeProto> message, Value& value) {
  bool is_known = false;
  while (message.next()) {
    switch (message.tag()) {
      case TypeProto::TensorType:
        read_tensor_type(message.message<TensorType>(), value);
        is_known = true;
        break;
      case TypeProto::SequenceType:
        is_known = read_sequence(message.message<TensorType>(), value);
        break;
      default:
        message.skip();
    }
  }
  return is_known;
}

void read_type(Message<ValueInfoProto>& message, Value& value) {
  const auto bytes = message.bytes();
  const Message<TypeProto> type(bytes, message.origin());
  if (!bytes.empty() && !read_known_type(type, value)) value.other_type = std::make_shared<std::string>(bytes);
}

}  // namespace

ReadValueInfo read_value_info(Message<ValueInfoProto> message) {
  ReadValueInfo info;
  while (message.next()) {
    switch (message.tag()) {
      case ValueInfoProto::Name:
        info.name = message.bytes();
        break;
      case ValueInfoProto::Type:
        read_type(message, info.type);
        break;
      default:
        message.skip();
    }
  }
  return info;
}

void apply_type(const ReadValueInfo& info, Value& value) {
  if (info.type.other_type != nullptr) value.other_type = info.type.other_type;
  if (info.type.dtype != DType::Undefined) {
    value.dtype = info.type.dtype;
    value.is_sequence = info.type.is_sequence;
  }
  if (info.type.shape) value.shape = info.type.shape;
}

}  // namespace modelexport::onnx
