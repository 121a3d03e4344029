// Dispatch and helpers of the constant evaluator.
#include "onnx/evaluate.h"

#include <algorithm>
#include <cstring>

#include "support/convert.h"
#include "support/memory_limit.h"

namespace modelexport::onnx {

namespace detail {

int64_t int_attribute(const Node& node, std::string_view name, int64_t otherwise) {
  const Attribute* attribute = node.find(name);
  if (attribute == nullptr) return otherwise;
  const auto* value = std::get_if<int64_t>(&attribute->value);
  return value != nullptr ? *value : otherwise;
}

int64_t product(const std::vector<int64_t>& sizes) {
  int64_t n = 1;
  for (int64_t size : sizes) {
    if (__builtin_mul_overflow(n, size, &n)) return -1;
  }
  return n;
}

std::optional<std::vector<int64_t>> broadcast_sizes(const Inputs& inputs) {
  std::size_t rank = 0;
  for (const auto* input : inputs) rank = std::max(rank, input->sizes.size());
  std::vector<int64_t> sizes(rank, 1);
  for (const auto* input : inputs) {
    const std::size_t lead = rank - input->sizes.size();
    for (std::size_t i = 0; i < input->sizes.size(); ++i) {
      int64_t& size = sizes[lead + i];
      const int64_t other = input->sizes[i];
      if (other == 1 || other == size) continue;
      if (size != 1) return std::nullopt;
      size = other;
    }
  }
  return sizes;
}

TensorView broadcast_to(const TensorView& tensor, const std::vector<int64_t>& sizes) {
  TensorView view = tensor;
  const std::size_t lead = sizes.size() - tensor.sizes.size();
  view.sizes = sizes;
  view.strides.assign(sizes.size(), 0);
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] != 1) view.strides[lead + i] = tensor.strides[i];
  }
  return view;
}

Fresh make_fresh(DType dtype, std::vector<int64_t> sizes) {
  const auto bytes = static_cast<std::size_t>(product(sizes)) * size_of(dtype);
  check_memory(bytes);
  auto buffer = std::make_shared<std::vector<std::byte>>(bytes);
  auto storage = std::make_shared<Storage>();
  storage->data = buffer->data();
  storage->size = bytes;
  storage->owner = buffer;
  TensorView view;
  view.storage = std::move(storage);
  view.dtype = dtype;
  view.strides = contiguous_strides(sizes);
  view.sizes = std::move(sizes);
  return {std::move(view), buffer->data()};
}

}  // namespace detail

std::optional<std::vector<double>> read_doubles(const TensorView& tensor) {
  if (is_complex(tensor.dtype) || size_of(tensor.dtype) == 0) return std::nullopt;
  const auto n = static_cast<std::size_t>(tensor.numel());
  std::vector<std::byte> raw(tensor.nbytes());
  tensor.gather(0, tensor.numel(), raw.data());
  std::vector<double> values(n);
  if (!convert_elements(tensor.dtype, raw.data(), DType::Float64, reinterpret_cast<std::byte*>(values.data()), n)) {
    return std::nullopt;
  }
  return values;
}

std::optional<std::vector<int64_t>> read_ints(const TensorView& tensor) {
  if (!is_integral(tensor.dtype) && tensor.dtype != DType::Bool) return std::nullopt;
  const auto n = static_cast<std::size_t>(tensor.numel());
  std::vector<std::byte> raw(tensor.nbytes());
  tensor.gather(0, tensor.numel(), raw.data());
  std::vector<int64_t> values(n);
  if (!convert_elements(tensor.dtype, raw.data(), DType::Int64, reinterpret_cast<std::byte*>(values.data()), n)) {
    return std::nullopt;
  }
  return values;
}

std::optional<std::vector<TensorView>> evaluate(const Node& node, const std::vector<const TensorView*>& inputs) {
  if (!node.domain.empty()) return std::nullopt;
  for (const auto* input : inputs) {
    if (input != nullptr && input->numel() > kMaxFoldedElements) return std::nullopt;
  }
  if (auto result = detail::evaluate_layout(node, inputs)) return result;
  if (auto result = detail::evaluate_elementwise(node, inputs)) return result;
  return detail::evaluate_reduction(node, inputs);
}

}  // namespace modelexport::onnx
