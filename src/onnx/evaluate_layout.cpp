// Operators of the constant evaluator that move elements: most are views with other sizes and strides.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "onnx/evaluate.h"
#include "support/convert.h"

namespace modelexport::onnx::detail {
namespace {

using Ints = std::vector<int64_t>;

std::optional<Ints> ints_input(const Inputs& inputs, std::size_t i) {
  if (i >= inputs.size() || inputs[i] == nullptr) return std::nullopt;
  return read_ints(*inputs[i]);
}

std::optional<Ints> ints_attribute(const Node& node, std::string_view name) {
  const Attribute* attribute = node.find(name);
  if (attribute == nullptr) return std::nullopt;
  const auto* value = std::get_if<Ints>(&attribute->value);
  return value == nullptr ? std::nullopt : std::optional<Ints>(*value);
}

Result one(TensorView view) { return std::vector<TensorView>{std::move(view)}; }

TensorView contiguous(const TensorView& x) {
  if (x.is_contiguous()) return x;
  Fresh out = make_fresh(x.dtype, x.sizes);
  x.gather(0, x.numel(), out.data);
  return std::move(out.view);
}

Result reshape(const Node& node, const Inputs& inputs) {
  auto sizes = ints_input(inputs, 1);
  if (!sizes) return std::nullopt;
  const TensorView& x = *inputs[0];
  const bool allow_zero = int_attribute(node, "allowzero", 0) != 0;
  int64_t known = 1;
  int64_t* inferred = nullptr;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    int64_t& size = (*sizes)[i];
    if (size == 0 && !allow_zero) {
      if (i >= x.sizes.size()) return std::nullopt;
      size = x.sizes[i];
    }
    if (size == -1) {
      inferred = &size;
    } else {
      known *= size;
    }
  }
  if (inferred != nullptr) {
    if (known == 0) return std::nullopt;
    *inferred = x.numel() / known;
  }
  if (product(*sizes) != x.numel()) return std::nullopt;
  TensorView view = contiguous(x);
  view.strides = contiguous_strides(*sizes);
  view.sizes = std::move(*sizes);
  return one(std::move(view));
}

Result transpose(const Node& node, const Inputs& inputs) {
  const TensorView& x = *inputs[0];
  auto perm = ints_attribute(node, "perm");
  if (!perm || perm->size() != x.sizes.size()) return std::nullopt;
  TensorView view = x;
  for (std::size_t i = 0; i < perm->size(); ++i) {
    view.sizes[i] = x.sizes[static_cast<std::size_t>((*perm)[i])];
    view.strides[i] = x.strides[static_cast<std::size_t>((*perm)[i])];
  }
  return one(std::move(view));
}

Result unsqueeze(const Node&, const Inputs& inputs) {
  auto axes = ints_input(inputs, 1);
  if (!axes) return std::nullopt;
  TensorView view = *inputs[0];
  const auto rank = static_cast<int64_t>(view.sizes.size() + axes->size());
  for (int64_t& axis : *axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes->begin(), axes->end());
  for (int64_t axis : *axes) {
    view.sizes.insert(view.sizes.begin() + axis, 1);
    view.strides.insert(view.strides.begin() + axis, 0);
  }
  view.strides = view.is_contiguous() ? contiguous_strides(view.sizes) : view.strides;
  return one(std::move(view));
}

Result squeeze(const Node&, const Inputs& inputs) {
  auto axes = ints_input(inputs, 1);
  if (!axes) return std::nullopt;
  TensorView view = *inputs[0];
  const auto rank = static_cast<int64_t>(view.sizes.size());
  for (int64_t& axis : *axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes->rbegin(), axes->rend());
  for (int64_t axis : *axes) {
    if (axis >= rank || view.sizes[static_cast<std::size_t>(axis)] != 1) return std::nullopt;
    view.sizes.erase(view.sizes.begin() + axis);
    view.strides.erase(view.strides.begin() + axis);
  }
  return one(std::move(view));
}

Result expand(const Node&, const Inputs& inputs) {
  const auto target = ints_input(inputs, 1);
  if (!target) return std::nullopt;
  TensorView shape;
  shape.sizes = *target;
  const auto sizes = broadcast_sizes({inputs[0], &shape});
  if (!sizes || product(*sizes) < 0 || product(*sizes) > kMaxFoldedElements) return std::nullopt;
  return one(broadcast_to(*inputs[0], *sizes));
}

Result concat(const Node& node, const Inputs& inputs) {
  Ints sizes = inputs[0]->sizes;
  const auto rank = static_cast<int64_t>(sizes.size());
  int64_t axis = int_attribute(node, "axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank) return std::nullopt;
  const auto at = static_cast<std::size_t>(axis);
  sizes[at] = 0;
  for (const auto* input : inputs) {
    if (input->sizes.size() != sizes.size() || input->dtype != inputs[0]->dtype) return std::nullopt;
    sizes[at] += input->sizes[at];
  }
  if (product(sizes) < 0 || product(sizes) > kMaxFoldedElements) return std::nullopt;
  Fresh out = make_fresh(inputs[0]->dtype, sizes);
  const int64_t outer = product(Ints(sizes.begin(), sizes.begin() + axis));
  std::byte* target = out.data;
  for (int64_t o = 0; o < outer; ++o) {
    for (const auto* input : inputs) {
      const int64_t chunk = input->numel() / std::max<int64_t>(outer, 1);
      input->gather(o * chunk, chunk, target);
      target += static_cast<std::size_t>(chunk) * size_of(input->dtype);
    }
  }
  return one(std::move(out.view));
}

// Restricts `axis` to start, start+step, ... before end, with ONNX's clamping; a negative step reverses.
void slice_axis(TensorView& view, std::size_t axis, int64_t start, int64_t end, int64_t step) {
  const int64_t n = view.sizes[axis];
  const auto clamp = [&](int64_t v, int64_t low, int64_t high) { return std::clamp(v < 0 ? v + n : v, low, high); };
  start = step > 0 ? clamp(start, 0, n) : clamp(start, 0, n - 1);
  end = step > 0 ? clamp(end, 0, n) : (end < -n ? -1 : clamp(end, -1, n));
  const int64_t span = step > 0 ? end - start : start - end;
  const int64_t stride = step > 0 ? step : -step;
  view.sizes[axis] = span <= 0 ? 0 : (span + stride - 1) / stride;
  view.offset += view.sizes[axis] == 0 ? 0 : start * view.strides[axis];
  view.strides[axis] *= step;
}

Result slice(const Node&, const Inputs& inputs) {
  const auto starts = ints_input(inputs, 1);
  const auto ends = ints_input(inputs, 2);
  auto axes = ints_input(inputs, 3);
  auto steps = ints_input(inputs, 4);
  TensorView view = *inputs[0];
  if (!starts || !ends || (!axes && starts->size() > view.sizes.size())) return std::nullopt;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    int64_t axis = axes ? (*axes)[i] : static_cast<int64_t>(i);
    axis = axis < 0 ? axis + static_cast<int64_t>(view.sizes.size()) : axis;
    const int64_t step = steps ? (*steps)[i] : 1;
    if (axis < 0 || axis >= static_cast<int64_t>(view.sizes.size()) || step == 0 || view.sizes.empty()) {
      return std::nullopt;
    }
    slice_axis(view, static_cast<std::size_t>(axis), (*starts)[i], (*ends)[i], step);
  }
  return one(std::move(view));
}

Result gather(const Node& node, const Inputs& inputs) {
  if (inputs.size() != 2) return std::nullopt;
  const TensorView& x = *inputs[0];
  auto indices = ints_input(inputs, 1);
  const auto rank = static_cast<int64_t>(x.sizes.size());
  int64_t axis = int_attribute(node, "axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (!indices || axis < 0 || axis >= rank) return std::nullopt;
  Ints sizes(x.sizes.begin(), x.sizes.begin() + axis);
  sizes.insert(sizes.end(), inputs[1]->sizes.begin(), inputs[1]->sizes.end());
  sizes.insert(sizes.end(), x.sizes.begin() + axis + 1, x.sizes.end());
  if (product(sizes) < 0 || product(sizes) > kMaxFoldedElements) return std::nullopt;
  const int64_t outer = product(Ints(x.sizes.begin(), x.sizes.begin() + axis));
  const int64_t inner = product(Ints(x.sizes.begin() + axis + 1, x.sizes.end()));
  const int64_t n = x.sizes[static_cast<std::size_t>(axis)];
  Fresh out = make_fresh(x.dtype, sizes);
  std::byte* target = out.data;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t index : *indices) {
      index = index < 0 ? index + n : index;
      if (index < 0 || index >= n) return std::nullopt;
      x.gather((o * n + index) * inner, inner, target);
      target += static_cast<std::size_t>(inner) * size_of(x.dtype);
    }
  }
  return one(std::move(out.view));
}

Result split(const Node& node, const Inputs& inputs) {
  const auto lengths = ints_input(inputs, 1);
  const auto rank = static_cast<int64_t>(inputs[0]->sizes.size());
  int64_t axis = int_attribute(node, "axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (!lengths || axis < 0 || axis >= rank) return std::nullopt;
  std::vector<TensorView> parts;
  int64_t start = 0;
  for (int64_t length : *lengths) {
    parts.push_back(*inputs[0]);
    slice_axis(parts.back(), static_cast<std::size_t>(axis), start, start + length, 1);
    start += length;
  }
  return parts;
}

Result shape(const Node& node, const Inputs& inputs) {
  const auto rank = static_cast<int64_t>(inputs[0]->sizes.size());
  const auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const int64_t start = clamp(int_attribute(node, "start", 0));
  const int64_t end = std::max(start, clamp(int_attribute(node, "end", rank)));
  Fresh out = make_fresh(DType::Int64, {end - start});
  std::copy(inputs[0]->sizes.begin() + start, inputs[0]->sizes.begin() + end, reinterpret_cast<int64_t*>(out.data));
  return one(std::move(out.view));
}

Result constant_of_shape(const Node& node, const Inputs& inputs) {
  const auto sizes = ints_input(inputs, 0);
  if (!sizes || product(*sizes) < 0 || product(*sizes) > kMaxFoldedElements) return std::nullopt;
  const Attribute* value = node.find("value");
  if (value == nullptr) {
    Fresh out = make_fresh(DType::Float32, *sizes);
    return one(std::move(out.view));
  }
  const auto* tensor = std::get_if<TensorView>(&value->value);
  if (tensor == nullptr) return std::nullopt;
  TensorView scalar = *tensor;
  scalar.sizes.clear();
  scalar.strides.clear();
  return one(broadcast_to(scalar, *sizes));
}

Result range(const Node&, const Inputs& inputs) {
  Result result;
  const DType dtype = inputs[0]->dtype;
  if (inputs.size() != 3 || dtype == DType::Bool) return std::nullopt;
  with_native_type(dtype, [&]<typename T>() {
    T bounds[3];
    for (std::size_t i = 0; i < 3; ++i) inputs[i]->gather(0, 1, reinterpret_cast<std::byte*>(&bounds[i]));
    if (bounds[2] == T(0)) return;
    const double count =
        std::ceil((static_cast<double>(bounds[1]) - static_cast<double>(bounds[0])) / static_cast<double>(bounds[2]));
    if (!(count <= static_cast<double>(kMaxFoldedElements))) return;
    Fresh out = make_fresh(dtype, {std::max<int64_t>(0, static_cast<int64_t>(count))});
    auto* target = reinterpret_cast<T*>(out.data);
    for (int64_t i = 0; i < out.view.sizes[0]; ++i)
      target[i] = static_cast<T>(bounds[0] + static_cast<T>(i) * bounds[2]);
    result = one(std::move(out.view));
  });
  return result;
}

Result trilu(const Node& node, const Inputs& inputs) {
  const TensorView& x = *inputs[0];
  int64_t k = 0;
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    const auto given = ints_input(inputs, 1);
    if (!given || given->size() != 1) return std::nullopt;
    k = given->front();
  }
  if (x.sizes.size() < 2) return std::nullopt;
  const bool upper = int_attribute(node, "upper", 1) != 0;
  const int64_t rows = x.sizes[x.sizes.size() - 2];
  const int64_t columns = x.sizes.back();
  Fresh out = make_fresh(x.dtype, x.sizes);
  x.gather(0, x.numel(), out.data);
  const std::size_t width = size_of(x.dtype);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const int64_t row = i / columns % rows;
    const int64_t column = i % columns;
    const bool keep = upper ? column - row >= k : column - row <= k;
    if (!keep) std::memset(out.data + static_cast<std::size_t>(i) * width, 0, width);
  }
  return one(std::move(out.view));
}

}  // namespace

Result evaluate_layout(const Node& node, const Inputs& inputs) {
  using Function = Result (*)(const Node&, const Inputs&);
  static const std::unordered_map<std::string_view, Function> functions = {
      {"Reshape", reshape},     {"Transpose", transpose},
      {"Unsqueeze", unsqueeze}, {"Squeeze", squeeze},
      {"Expand", expand},       {"Concat", concat},
      {"Slice", slice},         {"Gather", gather},
      {"Split", split},         {"Shape", shape},
      {"Range", range},         {"ConstantOfShape", constant_of_shape},
      {"Trilu", trilu},         {"Identity", [](const Node&, const Inputs& in) { return one(*in[0]); }},
  };
  const auto found = functions.find(node.op_type);
  if (found == functions.end() || inputs.empty() || inputs[0] == nullptr) return std::nullopt;
  if (node.op_type == "Concat" && std::any_of(inputs.begin(), inputs.end(), [](auto* i) { return i == nullptr; })) {
    return std::nullopt;
  }
  return found->second(node, inputs);
}

}  // namespace modelexport::onnx::detail
