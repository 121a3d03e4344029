// Small messages that several others hold.
#pragma once

#include <string_view>
#include <utility>

#include "onnx/model.h"
#include "onnx/wire.h"
#include "onnx/wire_reader.h"

namespace modelexport::onnx {

// The current field of `message`, a StringStringEntryProto, as it lies there.
template <typename Tag>
std::pair<std::string_view, std::string_view> read_entry(Message<Tag>& message) {
  std::pair<std::string_view, std::string_view> entry;
  auto fields = message.template message<wire::StringStringEntryProto>();
  while (fields.next()) {
    switch (fields.tag()) {
      case wire::StringStringEntryProto::Key:
        entry.first = fields.bytes();
        break;
      case wire::StringStringEntryProto::Value:
        entry.second = fields.bytes();
        break;
      default:
        fields.skip();
    }
  }
  return entry;
}

// The current field of `message`, an OperatorSetIdProto.
template <typename Tag>
OpsetImport read_opset(Message<Tag>& message) {
  OpsetImport opset;
  auto fields = message.template message<wire::OperatorSetIdProto>();
  while (fields.next()) {
    switch (fields.tag()) {
      case wire::OperatorSetIdProto::Domain:
        opset.domain = fields.string();
        break;
      case wire::OperatorSetIdProto::Version:
        opset.version = fields.integer();
        break;
      default:
        fields.skip();
    }
  }
  return opset;
}

}  // namespace modelexport::onnx
