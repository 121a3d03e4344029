// ValueInfoProto and TypeProto.
#pragma once

#include <string_view>

#include "onnx/model.h"
#include "onnx/wire.h"
#include "onnx/wire_reader.h"

namespace modelexport::onnx {

struct ReadValueInfo {
  std::string_view name;
  Value type;  // without the name
};

[[nodiscard]] ReadValueInfo read_value_info(Message<wire::ValueInfoProto> message);

// Sets what a ValueInfoProto says of the type; what it leaves open stays.
void apply_type(const ReadValueInfo& info, Value& value);

}  // namespace modelexport::onnx
