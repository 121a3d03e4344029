// TensorProto and SparseTensorProto as views into the file, where their data lie there as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "onnx/wire.h"
#include "onnx/wire_reader.h"
#include "support/tensor_view.h"

namespace modelexport::onnx {

// What tensors are views into.
struct FileBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
  const MappedFile* file = nullptr;
};

struct ReadTensor {
  std::string_view name;  // in the file
  TensorView data;        // without storage when it is external
  bool is_external = false;
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Throws Error when the data do not fit the dimensions and the type.
[[nodiscard]] ReadTensor read_tensor(Message<wire::TensorProto> message, const FileBytes& file);

// Made dense, when that takes no more than `max_bytes`.
[[nodiscard]] ReadTensor read_sparse_tensor(Message<wire::SparseTensorProto> message, const FileBytes& file,
                                            uint64_t max_bytes);

}  // namespace modelexport::onnx
