#include "onnx/reader.h"

#include <filesystem>
#include <utility>

#include "onnx/external_files.h"
#include "onnx/graph_reader.h"
#include "onnx/read_common.h"
#include "onnx/wire.h"
#include "onnx/wire_reader.h"
#include "support/error.h"
#include "support/mapped_file.h"

namespace modelexport::onnx {

using namespace wire;

namespace {

// Walks over the outermost fields alone: a file that is cut short, or is something else, does not have them whole.
void check_whole(const FileBytes& file) {
  bool has_graph = false;
  bool has_opset = false;
  with_context("not an ONNX file, or one that is cut short", [&] {
    Message<ModelProto> message(file.bytes, file.bytes.data());
    while (message.next()) {
      has_graph |= message.tag() == ModelProto::Graph;
      has_opset |= message.tag() == ModelProto::OpsetImport;
      message.skip();
    }
    if (!has_graph) fail("there is no graph in it");
    if (!has_opset) fail("it names no opset");
  });
}

Model read(const FileBytes& file, ExternalFiles* external, const ReadOptions& options) {
  check_whole(file);
  Model model;
  model.ir_version = 0;
  GraphReader graphs(model, file, external, options);
  std::optional<Message<GraphProto>> graph;
  Message<ModelProto> message(file.bytes, file.bytes.data());
  while (message.next()) {
    switch (message.tag()) {
      case ModelProto::IrVersion:
        model.ir_version = message.integer();
        break;
      case ModelProto::ProducerName:
        model.producer_name = message.string();
        break;
      case ModelProto::ProducerVersion:
        model.producer_version = message.string();
        break;
      case ModelProto::DocString:
        model.doc_string = message.string();
        break;
      case ModelProto::OpsetImport:
        model.opsets.push_back(read_opset(message));
        break;
      case ModelProto::MetadataProps: {
        const auto [key, value] = read_entry(message);
        model.metadata.add(key, value);
        break;
      }
      case ModelProto::Graph:
        if (graph) message.fail_here("a second graph");
        graph = message.message<GraphProto>();
        break;
      case ModelProto::Functions: {
        const auto function = message.message<FunctionProto>();
        const auto context = [&] { return "function " + std::to_string(model.functions.size()); };
        in_context(context, [&] { model.functions.push_back(graphs.read_function(function)); });
        break;
      }
      default:
        message.skip();
    }
  }
  with_context("graph", [&] { model.graph = graphs.read_main(*graph); });
  graphs.rename_moved_initializers();
  return model;
}

}  // namespace

Model read_model(const std::string& path, const ReadOptions& options) {
  const auto mapped = MappedFile::open(path);
  const auto* begin = reinterpret_cast<const char*>(mapped->bytes().data());
  const FileBytes file{{begin, mapped->size()}, mapped, mapped.get()};
  ExternalFiles external(std::filesystem::path(path).parent_path().string(), options.allow_outside_folder);
  return with_context(path, [&] { return read(file, options.load_external_data ? &external : nullptr, options); });
}

Model read_model_from_bytes(std::span<const std::byte> bytes, const ReadOptions& options) {
  const FileBytes file{{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, nullptr, nullptr};
  return read(file, nullptr, options);
}

}  // namespace modelexport::onnx
