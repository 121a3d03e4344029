// Reads an ONNX file. Weights are views into the mapped file, which lives as long as one of them does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "onnx/model.h"

namespace modelexport::onnx {

struct ReadOptions {
  // Map external data; otherwise an initializer says where they are.
  bool load_external_data = false;
  // Let external data be outside of the model's folder.
  bool allow_outside_folder = false;
  // Sparse initializers become dense ones of at most so many bytes.
  uint64_t max_dense_bytes = uint64_t{1} << 28;
  // Graphs inside graphs.
  int max_depth = 100;
};

// Throws Error naming the place in the message and the byte offset: "m.onnx: graph: node 3 (Add): byte 77: ...".
//
// Names are looked up as ONNX does, from the innermost graph outwards; one that nothing defines becomes a value
// without a producer. Initializers of bodies move to the model, which may change a name that is used twice.
[[nodiscard]] Model read_model(const std::string& path, const ReadOptions& options = {});

// The same, of bytes that outlive the model. External data are never opened.
[[nodiscard]] Model read_model_from_bytes(std::span<const std::byte> bytes, const ReadOptions& options = {});

}  // namespace modelexport::onnx
