#include "onnx/writer.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "onnx/encode.h"
#include "onnx/external_data.h"
#include "onnx/weight_writer.h"
#include "support/error.h"

namespace modelexport::onnx {
namespace {

// Of a protobuf message; every reader of ONNX refuses more.
constexpr uint64_t kLargestMessage = 0x7fffffff;

class FileSink : public ByteSink {
 public:
  FileSink(OutputFile& file, const std::vector<const TensorView*>& tensors) : file_(file), weights_(tensors) {}

  void bytes(std::string_view bytes) override { file_ << bytes; }
  void weights(const TensorView& tensor) override { weights_.write(tensor, file_); }

 private:
  OutputFile& file_;
  WeightWriter weights_;
};

void check_weights(const Model& model) {
  for (const auto& initializer : model.initializers) {
    const TensorView& tensor = initializer.data;
    const bool is_outside = tensor.storage == nullptr && !initializer.external_location.empty();
    if (is_outside || size_of(tensor.dtype) == 0) continue;
    with_context("initializer " + model.values[initializer.value].name, [&] { tensor.check_bounds(); });
  }
}

std::vector<const TensorView*> tensors_inside(const Model& model, const ExternalData& external) {
  std::vector<const TensorView*> tensors;
  for (std::size_t i = 0; i < model.initializers.size(); ++i) {
    const TensorView& tensor = model.initializers[i].data;
    if (!external.ranges[i] && stored_bytes(tensor) > 0) tensors.push_back(&tensor);
  }
  return tensors;
}

void write_external(const ExternalData& external, const std::string& path, AtomicFiles& files) {
  OutputFile& file = files.open(path);
  file.reserve(external.size);
  WeightWriter weights(external.tensors);
  for (std::size_t i = 0; i < external.tensors.size(); ++i) {
    file.skip_to(external.offsets[i]);
    weights.write(*external.tensors[i], file);
  }
}

void write_main(const Model& model, const ExternalData& external, const ModelEncoder& encoder, const std::string& path,
                AtomicFiles& files) {
  OutputFile& file = files.open(path);
  file.reserve(encoder.size());
  FileSink sink(file, tensors_inside(model, external));
  encoder.encode(sink);
}

std::string external_name(const std::string& path, const WriteOptions& options) {
  const auto model_name = std::filesystem::path(path).filename().string();
  if (options.external_name.empty()) return model_name + ".data";
  const auto& name = options.external_name;
  if (std::filesystem::path(name).filename() != name || name == "." || name == ".." || name == model_name) {
    fail("external data of " + path + ": '" + name + "' is not the name of another file beside it");
  }
  return name;
}

void check_overwrites_nothing(const ExternalData& linked, const std::string& name, const std::string& path) {
  const bool overwrites =
      std::ranges::any_of(linked.ranges, [&](const auto& range) { return range && range->location == name; });
  if (overwrites) fail("external data of " + path + ": '" + name + "' is the file that its weights are linked from");
}

}  // namespace

WriteResult write_model(const Model& model, const std::string& path, const WriteOptions& options, AtomicFiles& files) {
  check_weights(model);
  const ExternalData linked = options.link_weights ? plan_links(model, path) : no_external_data(model);
  const ModelEncoder whole(model, linked);
  if (!options.external_data && whole.size() <= kLargestMessage) {
    write_main(model, linked, whole, path, files);
    return {.bytes = whole.size(), .linked_bytes = linked.linked_size};
  }

  const auto name = external_name(path, options);
  const auto external = plan_external_data(model, name, linked);
  check_overwrites_nothing(linked, name, path);
  const ModelEncoder graph(model, external);
  if (graph.size() > kLargestMessage) {
    fail("cannot write " + path + ": the graph without its weights has " + std::to_string(graph.size()) +
         " bytes, more than the 2 GB that a model file may have");
  }
  const auto external_path = (std::filesystem::path(path).parent_path() / name).string();
  if (!external.tensors.empty()) write_external(external, external_path, files);
  write_main(model, external, graph, path, files);
  return {.bytes = graph.size() + external.size,
          .external_path = external.tensors.empty() ? "" : external_path,
          .external_bytes = external.size,
          .linked_bytes = external.linked_size};
}

WriteResult write_model(const Model& model, const std::string& path, const WriteOptions& options) {
  AtomicFiles files;
  auto result = write_model(model, path, options, files);
  files.commit();
  return result;
}

}  // namespace modelexport::onnx
