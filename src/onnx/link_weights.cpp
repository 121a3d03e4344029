// Weights that stay in the file they were mapped from: a .pt2 archive, or a safetensors file that torch has mapped.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "onnx/external_data.h"
#include "support/error.h"
#include "support/file_range.h"
#include "support/mapped_file.h"

namespace modelexport::onnx {
namespace {

namespace fs = std::filesystem;

class Linker {
 public:
  explicit Linker(const std::string& path) : path_(path), folder_(fs::absolute(path).parent_path()) {
    std::error_code ignored;  // a folder that is not there is reported when the model is written
    folder_ = fs::weakly_canonical(folder_, ignored);
  }

  std::optional<ExternalRange> link(const TensorView& tensor) {
    const auto element = size_of(tensor.dtype);
    if (element == 0 || !tensor.is_contiguous()) return std::nullopt;
    const auto file = lies_in(tensor);
    if (!file || file->offset % element != 0) return std::nullopt;
    return ExternalRange{location_of(file->path), file->offset, file->size};
  }

 private:
  std::optional<FileRange> lies_in(const TensorView& tensor) {
    const Storage& storage = *tensor.storage;
    const auto start = static_cast<uint64_t>(tensor.bytes() - storage.data);
    if (storage.file != nullptr) return FileRange{storage.file->path(), storage.file_offset + start, tensor.nbytes()};
    if (!mappings_) mappings_.emplace();
    return mappings_->find(tensor.bytes(), tensor.nbytes());
  }

  const std::string& location_of(const std::string& file) {
    const auto [known, is_new] = locations_.try_emplace(file);
    if (!is_new) return known->second;
    const fs::path real = fs::canonical(file);
    const fs::path relative = real.lexically_relative(folder_);
    if (relative.empty() || *relative.begin() == "..") {
      fail(
          fmt::format("cannot link the weights in {} from {}: external data has to be in the model's folder or below, "
                      "so write the model into {}",
                      real.string(), path_, real.parent_path().string()));
    }
    if (relative == fs::path(path_).filename()) {
      fail(fmt::format("cannot link the weights in {}: the model would replace them", path_));
    }
    return known->second = relative.generic_string();
  }

  const std::string& path_;
  fs::path folder_;
  std::optional<FileMappings> mappings_;  // looked up when a tensor lies in memory that is not ours
  std::map<std::string, std::string> locations_;
};

}  // namespace

ExternalData plan_links(const Model& model, const std::string& path) {
  ExternalData plan = no_external_data(model);
  Linker linker(path);
  for (std::size_t i = 0; i < model.initializers.size(); ++i) {
    const TensorView& tensor = model.initializers[i].data;
    if (is_kept_inside(tensor)) continue;
    plan.ranges[i] = linker.link(tensor);
    if (plan.ranges[i]) plan.linked_size += plan.ranges[i]->length;
  }
  return plan;
}

}  // namespace modelexport::onnx
