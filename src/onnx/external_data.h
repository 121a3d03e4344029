// Which initializers lie in files beside the model, and where in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

struct ExternalRange {
  std::string location;  // relative to the model's folder
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct ExternalData {
  std::vector<std::optional<ExternalRange>> ranges;  // one for each initializer; none: inside the model
  std::vector<const TensorView*> tensors;            // those to write, in the order of their offsets
  std::vector<uint64_t> offsets;
  uint64_t size = 0;         // of the file to write
  uint64_t linked_size = 0;  // bytes that stay in files that are there already
};

// Everything inside the model.
[[nodiscard]] ExternalData no_external_data(const Model& model);
// Everything but small tensors and those that have a range already, in one file to be written. Initializers that look
// at the same memory in the same way share a range.
[[nodiscard]] ExternalData plan_external_data(const Model& model, const std::string& location, ExternalData linked);
// What lies in mapped files dense and aligned stays there, everything else inside the model. Throws Error when such a
// file is outside of the folder of the model at `path`, where runtimes do not look for external data.
[[nodiscard]] ExternalData plan_links(const Model& model, const std::string& path);

// Bytes that a tensor takes in a file.
[[nodiscard]] uint64_t stored_bytes(const TensorView& tensor);
// Small tensors and strings are never external.
[[nodiscard]] bool is_kept_inside(const TensorView& tensor);

}  // namespace modelexport::onnx
