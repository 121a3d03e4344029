#include "tag/stamp.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <protozero/exception.hpp>
#include <protozero/pbf_builder.hpp>
#include <protozero/pbf_message.hpp>
#include <string>
#include <vector>

#include "onnx/encode_parts.h"
#include "onnx/wire.h"
#include "support/error.h"
#include "tag/records.h"

namespace modelexport::tag {
namespace {

namespace wire = onnx::wire;

constexpr int64_t kFirstIrVersionWithNodeMetadata = 10;

// A message that is being put together from pieces of the file and new ones.
class Pieces {
 public:
  void copy(std::string_view bytes) {
    if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == bytes.data()) {
      pieces_.back() = {pieces_.back().data(), pieces_.back().size() + bytes.size()};
    } else {
      pieces_.push_back(bytes);
    }
    size_ += bytes.size();
  }
  void add(std::string bytes) {
    owned_.push_back(std::make_unique<std::string>(std::move(bytes)));
    pieces_.emplace_back(*owned_.back());
    size_ += owned_.back()->size();
  }
  // Another message as the field `tag`.
  template <typename Tag>
  void embed(Tag tag, Pieces inner) {
    std::string head;
    protozero::add_varint_to_buffer(&head, (static_cast<uint64_t>(tag) << 3U) | 2U);
    protozero::add_varint_to_buffer(&head, inner.size_);
    add(std::move(head));
    for (const std::string_view piece : inner.pieces_) pieces_.push_back(piece);
    size_ += inner.size_;
    std::move(inner.owned_.begin(), inner.owned_.end(), std::back_inserter(owned_));
  }
  [[nodiscard]] uint64_t size() const { return size_; }
  void write(OutputFile& out) const {
    for (const std::string_view piece : pieces_) out.write(piece);
  }

 private:
  std::vector<std::string_view> pieces_;
  std::vector<std::unique_ptr<std::string>> owned_;
  uint64_t size_ = 0;
};

// Calls `visit(tag, field, content)` for each field of a message: `field` is all its bytes, `content` those of a
// length-delimited one.
template <typename Tag, typename Visit>
void for_each_field(std::string_view message, Visit&& visit) {
  protozero::pbf_message<Tag> reader(message.data(), message.size());
  const char* begin = message.data();
  while (reader.next()) {
    std::string_view content;
    if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      const protozero::data_view view = reader.get_view();
      content = {view.data(), view.size()};
    } else {
      reader.skip();
    }
    const char* end = message.data() + (message.size() - reader.length());
    visit(reader.tag(), std::string_view(begin, static_cast<std::size_t>(end - begin)), content);
    begin = end;
  }
}

class Stamper {
 public:
  explicit Stamper(const onnx::Model& model) : model_(model) {
    for_each_node_of(model, [&](const onnx::Node& node) { nodes_.push_back(&node); });
    onnx::for_each_node(model.graph, [&](const onnx::Graph&, const onnx::Node&) { ++graph_nodes_; });
  }

  Pieces model(std::string_view file) {
    Pieces pieces;
    bool has_graph = false;
    // The graph's nodes come first in `nodes_`, wherever the functions lie in the file.
    std::size_t function_node = graph_nodes_;
    for_each_field<wire::ModelProto>(file, [&](auto tag, std::string_view field, std::string_view content) {
      if (tag == wire::ModelProto::IrVersion) return;
      if (tag == wire::ModelProto::Graph) {
        if (std::exchange(has_graph, true)) fail("the file has two graphs");
        next_ = 0;
        pieces.embed(tag, graph(content));
        expect_all_used(graph_nodes_);
      } else if (tag == wire::ModelProto::Functions) {
        next_ = function_node;
        pieces.embed(tag, function(content));
        function_node = next_;
      } else {
        pieces.copy(field);
      }
    });
    next_ = function_node;
    expect_all_used(nodes_.size());
    pieces.add(ir_version());
    return pieces;
  }

 private:
  std::string ir_version() const {
    std::string field;
    protozero::pbf_builder<wire::ModelProto> builder(field);
    builder.add_int64(wire::ModelProto::IrVersion, std::max(model_.ir_version, kFirstIrVersionWithNodeMetadata));
    return field;
  }

  Pieces graph(std::string_view message) {
    Pieces pieces;
    for_each_field<wire::GraphProto>(message, [&](auto tag, std::string_view field, std::string_view content) {
      tag == wire::GraphProto::Node ? pieces.embed(tag, node(content)) : pieces.copy(field);
    });
    return pieces;
  }

  Pieces function(std::string_view message) {
    Pieces pieces;
    for_each_field<wire::FunctionProto>(message, [&](auto tag, std::string_view field, std::string_view content) {
      tag == wire::FunctionProto::Node ? pieces.embed(tag, node(content)) : pieces.copy(field);
    });
    return pieces;
  }

  Pieces node(std::string_view message) {
    const onnx::Node& node = take_node();
    Pieces pieces;
    for_each_field<wire::NodeProto>(message, [&](auto tag, std::string_view field, std::string_view content) {
      if (tag == wire::NodeProto::OpType && content != node.op_type) mismatch();
      if (tag == wire::NodeProto::Name || tag == wire::NodeProto::MetadataProps) return;
      tag == wire::NodeProto::Attribute ? pieces.embed(tag, attribute(content)) : pieces.copy(field);
    });
    pieces.add(name_and_metadata(node));
    return pieces;
  }

  Pieces attribute(std::string_view message) {
    Pieces pieces;
    for_each_field<wire::AttributeProto>(message, [&](auto tag, std::string_view field, std::string_view content) {
      tag == wire::AttributeProto::Graph ? pieces.embed(tag, graph(content)) : pieces.copy(field);
    });
    return pieces;
  }

  static std::string name_and_metadata(const onnx::Node& node) {
    std::string fields;
    protozero::pbf_builder<wire::NodeProto> builder(fields);
    if (!node.name.empty()) builder.add_string(wire::NodeProto::Name, node.name);
    onnx::add_metadata(builder, wire::NodeProto::MetadataProps, node.metadata);
    return fields;
  }

  const onnx::Node& take_node() {
    if (next_ == nodes_.size()) mismatch();
    return *nodes_[next_++];
  }
  void expect_all_used(std::size_t end) const {
    if (next_ != end) mismatch();
  }
  [[noreturn]] static void mismatch() {
    fail(ErrorKind::Internal, "the model in memory has other nodes than the file that it was read from");
  }

  const onnx::Model& model_;
  std::vector<const onnx::Node*> nodes_;
  std::size_t graph_nodes_ = 0;
  std::size_t next_ = 0;
};

}  // namespace

void stamp_model(std::string_view file, const onnx::Model& tagged, OutputFile& out) {
  try {
    const Pieces pieces = Stamper(tagged).model(file);
    constexpr uint64_t kLimit = uint64_t{1} << 31U;
    if (pieces.size() >= kLimit) {
      fail("with node metadata the file would pass protobuf's limit of 2 GB; move its weights to external data first");
    }
    out.reserve(pieces.size());
    pieces.write(out);
  } catch (const protozero::exception& error) {
    fail(fmt::format("not an ONNX file: {}", error.what()));
  }
}

}  // namespace modelexport::tag
