#include "onnx/external_data.h"

#include <map>
#include <tuple>
#include <utility>

namespace modelexport::onnx {
namespace {

constexpr uint64_t kSmallestExternal = 1024;
// Pages may be mapped; below that, a cache line is enough.
constexpr uint64_t kLarge = uint64_t{64} * 1024;
constexpr uint64_t kLargeAlignment = 4096;
constexpr uint64_t kSmallAlignment = 64;

using TensorKey = std::tuple<const std::byte*, uint64_t, std::size_t, std::vector<int64_t>, std::vector<int64_t>>;

// Equal for tensors whose bytes in a file are the same because they come from the same place.
TensorKey key_of(const TensorView& tensor) {
  const auto size = stored_bytes(tensor);
  if (size_of(tensor.dtype) == 0 || tensor.is_contiguous()) return {tensor.bytes(), size, 0, {}, {}};
  return {tensor.bytes(), size, size_of(tensor.dtype), tensor.sizes, tensor.strides};
}

uint64_t align(uint64_t offset, uint64_t size) {
  const auto alignment = size >= kLarge ? kLargeAlignment : kSmallAlignment;
  return (offset + alignment - 1) / alignment * alignment;
}

}  // namespace

uint64_t stored_bytes(const TensorView& tensor) {
  if (tensor.storage == nullptr) return 0;
  return size_of(tensor.dtype) == 0 ? tensor.storage->size : tensor.nbytes();
}

bool is_kept_inside(const TensorView& tensor) {
  return stored_bytes(tensor) < kSmallestExternal || tensor.dtype == DType::String;
}

ExternalData no_external_data(const Model& model) {
  ExternalData plan;
  plan.ranges.resize(model.initializers.size());
  return plan;
}

ExternalData plan_external_data(const Model& model, const std::string& location, ExternalData linked) {
  ExternalData plan = std::move(linked);
  std::map<TensorKey, ExternalRange> placed;
  for (std::size_t i = 0; i < model.initializers.size(); ++i) {
    const TensorView& tensor = model.initializers[i].data;
    const auto size = stored_bytes(tensor);
    if (plan.ranges[i] || is_kept_inside(tensor)) continue;
    const auto [known, is_new] = placed.try_emplace(key_of(tensor));
    if (is_new) {
      known->second = {location, align(plan.size, size), size};
      plan.tensors.push_back(&tensor);
      plan.offsets.push_back(known->second.offset);
      plan.size = known->second.offset + size;
    }
    plan.ranges[i] = known->second;
  }
  return plan;
}

}  // namespace modelexport::onnx
