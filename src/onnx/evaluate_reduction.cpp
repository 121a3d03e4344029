// Reductions and products of the constant evaluator: over one axis set at a time, in the tensor's own type.
#include <algorithm>
#include <string_view>
#include <type_traits>

#include "onnx/evaluate.h"
#include "support/convert.h"

namespace modelexport::onnx::detail {
namespace {

using Ints = std::vector<int64_t>;

// Moves the reduced axes last; returns the kept sizes and the number of elements reduced into one.
TensorView reduced_last(const TensorView& x, const std::vector<bool>& reduced, Ints& kept, int64_t& count) {
  TensorView view = x;
  view.sizes.clear();
  view.strides.clear();
  count = 1;
  for (const bool last : {false, true}) {
    for (std::size_t i = 0; i < x.sizes.size(); ++i) {
      if (reduced[i] != last) continue;
      view.sizes.push_back(x.sizes[i]);
      view.strides.push_back(x.strides[i]);
      if (last) {
        count *= x.sizes[i];
      } else {
        kept.push_back(x.sizes[i]);
      }
    }
  }
  return view;
}

template <typename T>
bool reduce_row(std::string_view op, const T* x, int64_t n, T& out) {
  if (op == "ReduceSum" || op == "ReduceMean") {
    T sum = 0;
    for (int64_t i = 0; i < n; ++i) sum = static_cast<T>(sum + x[i]);
    out = op == "ReduceMean" ? static_cast<T>(sum / static_cast<T>(n)) : sum;
    return op == "ReduceSum" || std::is_floating_point_v<T>;
  }
  if (op == "ReduceProd") {
    out = 1;
    for (int64_t i = 0; i < n; ++i) out = static_cast<T>(out * x[i]);
    return true;
  }
  if (n == 0) return false;
  if (op == "ReduceMax") out = *std::max_element(x, x + n);
  if (op == "ReduceMin") out = *std::min_element(x, x + n);
  return op == "ReduceMax" || op == "ReduceMin";
}

Result reduce(const Node& node, const Inputs& inputs) {
  const TensorView& x = *inputs[0];
  std::vector<bool> reduced(x.sizes.size(), false);
  Ints axes;
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    const auto given = read_ints(*inputs[1]);
    if (!given) return std::nullopt;
    axes = *given;
  } else if (const Attribute* attribute = node.find("axes")) {
    axes = std::get<Ints>(attribute->value);
  }
  if (axes.empty()) {
    if (int_attribute(node, "noop_with_empty_axes", 0) != 0) return std::nullopt;
    reduced.assign(x.sizes.size(), true);
  }
  for (int64_t axis : axes) {
    axis = axis < 0 ? axis + static_cast<int64_t>(x.sizes.size()) : axis;
    if (axis < 0 || axis >= static_cast<int64_t>(x.sizes.size())) return std::nullopt;
    reduced[static_cast<std::size_t>(axis)] = true;
  }
  Ints kept;
  int64_t count = 1;
  const TensorView ordered = reduced_last(x, reduced, kept, count);
  Ints sizes = kept;
  if (int_attribute(node, "keepdims", 1) != 0) {
    sizes.clear();
    for (std::size_t i = 0; i < x.sizes.size(); ++i) sizes.push_back(reduced[i] ? 1 : x.sizes[i]);
  }
  Fresh out = make_fresh(x.dtype, sizes);
  bool done = x.dtype != DType::Bool;
  with_native_type(x.dtype, [&]<typename T>() {
    std::vector<std::byte> row(static_cast<std::size_t>(count) * sizeof(T));
    auto* target = reinterpret_cast<T*>(out.data);
    for (int64_t i = 0; done && i < product(kept); ++i) {
      ordered.gather(i * count, count, row.data());
      done = reduce_row(node.op_type, reinterpret_cast<const T*>(row.data()), count, target[i]);
    }
  });
  if (!done) return std::nullopt;
  return std::vector<TensorView>{std::move(out.view)};
}

Result cumsum(const Node& node, const Inputs& inputs) {
  const TensorView& x = *inputs[0];
  const auto axis_input = inputs.size() == 2 && inputs[1] != nullptr ? read_ints(*inputs[1]) : std::nullopt;
  if (!axis_input || axis_input->size() != 1 || int_attribute(node, "exclusive", 0) != 0 ||
      int_attribute(node, "reverse", 0) != 0 || x.dtype == DType::Bool) {
    return std::nullopt;
  }
  const auto rank = static_cast<int64_t>(x.sizes.size());
  const int64_t axis = axis_input->front() < 0 ? axis_input->front() + rank : axis_input->front();
  if (axis < 0 || axis >= rank) return std::nullopt;
  const int64_t inner = product(Ints(x.sizes.begin() + axis + 1, x.sizes.end()));
  const int64_t n = x.sizes[static_cast<std::size_t>(axis)];
  Fresh out = make_fresh(x.dtype, x.sizes);
  x.gather(0, x.numel(), out.data);
  const bool known = with_native_type(x.dtype, [&]<typename T>() {
    auto* values = reinterpret_cast<T*>(out.data);
    for (int64_t i = 0; i < x.numel(); ++i) {
      if (i / inner % n != 0) values[i] = static_cast<T>(values[i] + values[i - inner]);
    }
  });
  if (!known) return std::nullopt;
  return std::vector<TensorView>{std::move(out.view)};
}

// Batched product of float matrices, as rotary tables need it.
Result matmul(const Inputs& inputs) {
  const TensorView& a = *inputs[0];
  const TensorView& b = *inputs[1];
  if (a.sizes.size() < 2 || b.sizes.size() < 2 || a.dtype != DType::Float32 || b.dtype != DType::Float32) {
    return std::nullopt;
  }
  const int64_t m = a.sizes[a.sizes.size() - 2];
  const int64_t k = a.sizes.back();
  const int64_t n = b.sizes.back();
  TensorView a_batch;
  TensorView b_batch;
  a_batch.sizes.assign(a.sizes.begin(), a.sizes.end() - 2);
  b_batch.sizes.assign(b.sizes.begin(), b.sizes.end() - 2);
  auto sizes = broadcast_sizes({&a_batch, &b_batch});
  if (!sizes || b.sizes[b.sizes.size() - 2] != k) return std::nullopt;
  const int64_t batches = product(*sizes);
  if (batches < 0 || batches * m * n > kMaxFoldedElements || batches * m * n * k > 64 * kMaxFoldedElements) {
    return std::nullopt;
  }
  Ints a_sizes = *sizes;
  a_sizes.insert(a_sizes.end(), {m, k});
  Ints b_sizes = *sizes;
  b_sizes.insert(b_sizes.end(), {k, n});
  const TensorView a_view = broadcast_to(a, a_sizes);
  const TensorView b_view = broadcast_to(b, b_sizes);
  std::vector<float> left(static_cast<std::size_t>(batches * m * k));
  std::vector<float> right(static_cast<std::size_t>(batches * k * n));
  a_view.gather(0, batches * m * k, reinterpret_cast<std::byte*>(left.data()));
  b_view.gather(0, batches * k * n, reinterpret_cast<std::byte*>(right.data()));
  sizes->insert(sizes->end(), {m, n});
  Fresh out = make_fresh(DType::Float32, *sizes);
  auto* target = reinterpret_cast<float*>(out.data);
  for (int64_t row = 0; row < batches * m; ++row) {
    const float* second = right.data() + row / m * k * n;
    for (int64_t j = 0; j < n; ++j) {
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += left[static_cast<std::size_t>(row * k + i)] * second[i * n + j];
      target[row * n + j] = sum;
    }
  }
  return std::vector<TensorView>{std::move(out.view)};
}

}  // namespace

Result evaluate_reduction(const Node& node, const Inputs& inputs) {
  const std::string_view op = node.op_type;
  if (inputs.empty() || inputs[0] == nullptr) return std::nullopt;
  if (op == "CumSum") return cumsum(node, inputs);
  if (op == "MatMul" && inputs.size() == 2 && inputs[1] != nullptr) return matmul(inputs);
  if (op == "ReduceSum" || op == "ReduceMean" || op == "ReduceProd" || op == "ReduceMax" || op == "ReduceMin") {
    return reduce(node, inputs);
  }
  return std::nullopt;
}

}  // namespace modelexport::onnx::detail
