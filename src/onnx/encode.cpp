#include "onnx/encode.h"

#include <algorithm>

#include "onnx/encode_parts.h"
#include "onnx/wire.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

// Node metadata came with this version.
constexpr int64_t kIrVersionOfNodeMetadata = 10;

class CountingSink : public ByteSink {
 public:
  void bytes(std::string_view bytes) override { count += bytes.size(); }
  void weights(const TensorView& tensor) override { count += stored_bytes(tensor); }

  uint64_t count = 0;
};

// Collects fields of a graph and hands them on when they are many.
class GraphPieces {
 public:
  explicit GraphPieces(ByteSink& sink) : sink_(sink) {}

  template <typename Add>
  void add(Add&& add_to) {
    {
      Builder<GraphProto> graph(bytes_);
      add_to(graph);
    }
    if (bytes_.size() >= kPiece) flush();
  }
  void flush() {
    sink_.bytes(bytes_);
    bytes_.clear();
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 18;

  ByteSink& sink_;
  std::string bytes_;
};

int64_t ir_version_of(const Model& model) {
  bool has_metadata = false;
  for_each_node(model.graph, [&](const Graph&, const Node& node) { has_metadata |= !node.metadata.empty(); });
  return has_metadata ? std::max(model.ir_version, kIrVersionOfNodeMetadata) : model.ir_version;
}

std::string encoded_head(const Model& model) {
  std::string bytes;
  Builder<ModelProto> out(bytes);
  out.add_int64(ModelProto::IrVersion, ir_version_of(model));
  if (!model.producer_name.empty()) out.add_string(ModelProto::ProducerName, model.producer_name);
  if (!model.producer_version.empty()) out.add_string(ModelProto::ProducerVersion, model.producer_version);
  if (!model.doc_string.empty()) out.add_string(ModelProto::DocString, model.doc_string);
  return bytes;
}

std::string encoded_tail(const Model& model) {
  std::string bytes;
  Builder<ModelProto> out(bytes);
  add_opsets(out, ModelProto::OpsetImport, model.opsets);
  add_metadata(out, ModelProto::MetadataProps, model.metadata);
  for (const auto& function : model.functions) add_function(out, model, function);
  return bytes;
}

}  // namespace

ModelEncoder::ModelEncoder(const Model& model, const ExternalData& external)
    : model_(model), external_(external), head_(encoded_head(model)), tail_(encoded_tail(model)) {
  CountingSink counter;
  encode_graph(counter);
  append_field_header(head_, static_cast<Tag>(ModelProto::Graph), counter.count);
  size_ = head_.size() + counter.count + tail_.size();
}

void ModelEncoder::encode(ByteSink& sink) const {
  sink.bytes(head_);
  encode_graph(sink);
  sink.bytes(tail_);
}

void ModelEncoder::encode_graph(ByteSink& sink) const {
  GraphPieces pieces(sink);
  for (const auto& node : model_.graph.nodes) {
    pieces.add([&](auto& graph) { add_node(graph, model_, node); });
  }
  pieces.add([&](auto& graph) { add_interface(graph, model_, model_.graph); });
  for (const auto id : inner_values(model_, model_.graph)) {
    pieces.add([&](auto& graph) { add_inner_value(graph, model_.values[id]); });
  }
  pieces.flush();
  for (std::size_t i = 0; i < model_.initializers.size(); ++i) encode_initializer(i, sink);
}

void ModelEncoder::encode_initializer(std::size_t index, ByteSink& sink) const {
  const Initializer& initializer = model_.initializers[index];
  const TensorView& tensor = initializer.data;
  const std::string& name = model_.values[initializer.value].name;
  const bool stays_outside = tensor.storage == nullptr && !initializer.external_location.empty();
  std::string start;
  uint64_t weights = 0;
  if (stays_outside) {
    start = encoded_external_tensor(tensor, name, initializer.external_location, initializer.external_offset,
                                    initializer.external_length);
  } else if (const auto& range = external_.ranges[index]) {
    start = encoded_external_tensor(tensor, name, range->location, range->offset, range->length);
  } else {
    start = encoded_tensor_start(tensor, name);
    weights = stored_bytes(tensor);
  }
  std::string header;
  append_field_header(header, static_cast<Tag>(GraphProto::Initializer), start.size() + weights);
  sink.bytes(header);
  sink.bytes(start);
  if (weights > 0) sink.weights(tensor);
}

}  // namespace modelexport::onnx
