// Which initializers lie in a file beside the model, and where in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

struct ExternalRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct ExternalData {
  std::string location;  // file name
  uint64_t size = 0;
  std::vector<std::optional<ExternalRange>> ranges;  // one for each initializer; none: inside the model
  std::vector<const TensorView*> tensors;            // those to write, in the order of their offsets
  std::vector<uint64_t> offsets;
};

// Everything inside the model.
[[nodiscard]] ExternalData no_external_data(const Model& model);
// Everything but small tensors in `location`. Initializers that look at the same memory in the same way share a range.
[[nodiscard]] ExternalData plan_external_data(const Model& model, std::string location);

// Bytes that a tensor takes in a file.
[[nodiscard]] uint64_t stored_bytes(const TensorView& tensor);

}  // namespace modelexport::onnx
