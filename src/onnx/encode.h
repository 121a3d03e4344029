// A model as the bytes of a ModelProto, handed out piece by piece, so that weights need not be in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "onnx/external_data.h"
#include "onnx/model.h"

namespace modelexport::onnx {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void bytes(std::string_view bytes) = 0;
  // stored_bytes(tensor) bytes.
  virtual void weights(const TensorView& tensor) = 0;
};

class ModelEncoder {
 public:
  // Initializers with a range in `external` are written as references to it.
  ModelEncoder(const Model& model, const ExternalData& external);

  [[nodiscard]] uint64_t size() const { return size_; }
  void encode(ByteSink& sink) const;

 private:
  void encode_graph(ByteSink& sink) const;
  void encode_initializer(std::size_t index, ByteSink& sink) const;

  const Model& model_;
  const ExternalData& external_;
  std::string head_;  // what is before the graph's content
  std::string tail_;  // what is behind it
  uint64_t size_ = 0;
};

}  // namespace modelexport::onnx
