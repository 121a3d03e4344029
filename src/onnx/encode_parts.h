// The parts of a model as protobuf bytes.
#pragma once

#include <cstdint>
#include <protozero/pbf_builder.hpp>
#include <string>
#include <vector>

#include "onnx/model.h"
#include "onnx/wire.h"

namespace modelexport::onnx {

template <typename Tag>
using Builder = protozero::pbf_builder<Tag>;

// Tag and length of a field that `length` bytes follow; the length may be beyond what protobuf allows.
void append_field_header(std::string& out, wire::Tag tag, uint64_t length);
// Everything of a TensorProto up to the weights themselves, when they are inside the model. The weights' bytes, if
// any, complete it.
[[nodiscard]] std::string encoded_tensor_start(const TensorView& tensor, const std::string& name);
// A TensorProto whose data are bytes [offset, offset+length) of file `location`.
[[nodiscard]] std::string encoded_external_tensor(const TensorView& tensor, const std::string& name,
                                                  const std::string& location, uint64_t offset, uint64_t length);

void add_node(Builder<wire::GraphProto>& out, const Model& model, const Node& node);
// Name, inputs and outputs.
void add_interface(Builder<wire::GraphProto>& out, const Model& model, const Graph& graph);
void add_inner_value(Builder<wire::GraphProto>& out, const Value& value);
// Values of known type that nodes of `graph` itself make, without its outputs.
[[nodiscard]] std::vector<ValueId> inner_values(const Model& model, const Graph& graph);
void add_function(Builder<wire::ModelProto>& out, const Model& model, const Function& function);

template <typename Parent>
void add_metadata(Builder<Parent>& parent, Parent tag, const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    Builder<wire::StringStringEntryProto> entry(parent, tag);
    entry.add_string(wire::StringStringEntryProto::Key, key.data(), key.size());
    entry.add_string(wire::StringStringEntryProto::Value, value.data(), value.size());
  }
}

template <typename Parent>
void add_opsets(Builder<Parent>& parent, Parent tag, const std::vector<OpsetImport>& opsets) {
  for (const auto& opset : opsets) {
    Builder<wire::OperatorSetIdProto> import(parent, tag);
    import.add_string(wire::OperatorSetIdProto::Domain, opset.domain);
    import.add_int64(wire::OperatorSetIdProto::Version, opset.version);
  }
}

}  // namespace modelexport::onnx
