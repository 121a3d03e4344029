#include "tag/role.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <vector>

#include "tag/records.h"

namespace modelexport::tag {
namespace {

constexpr std::array<std::string_view, 18> kAuxiliary = {
    "Cast",  "CastLike", "Concat", "Constant", "ConstantOfShape", "Equal",   "Expand",    "Gather",    "NonZero",
    "Range", "Reshape",  "Shape",  "Size",     "Slice",           "Squeeze", "Transpose", "Unsqueeze", "Where"};

// The ATen operators whose purpose is one of these ONNX types: in-place and copying variants share their row.
struct Purpose {
  std::string_view op_types;  // space-separated
  std::string_view aten;      // space-separated names without overload
};
constexpr Purpose kPurposes[] = {
    {"Reshape",
     "view view_as reshape reshape_as _unsafe_view _reshape_alias flatten unflatten ravel pixel_shuffle "
     "pixel_unshuffle channel_shuffle"},
    {"Transpose",
     "transpose permute t movedim moveaxis swapaxes swapdims adjoint mT mH numpy_T matrix_H pixel_shuffle "
     "pixel_unshuffle channel_shuffle"},
    {"Unsqueeze", "unsqueeze atleast_1d atleast_2d atleast_3d"},
    {"Squeeze", "squeeze"},
    {"Concat", "cat concat concatenate stack hstack vstack dstack column_stack row_stack roll cartesian_prod"},
    {"Slice",
     "slice narrow select split split_with_sizes chunk unsafe_chunk unsafe_split unbind tensor_split flip roll"},
    {"Gather", "embedding index_select gather index take take_along_dim select unbind diagonal unfold flip"},
    {"Where", "where masked_fill masked_scatter nan_to_num tril triu"},
    {"Equal", "eq"},
    {"Expand", "expand expand_as broadcast_to broadcast_tensors repeat tile repeat_interleave meshgrid fill full_like"},
    {"Cast", "to _to_copy type_as float double half bfloat16 bool int long"},
    {"Range", "arange range linspace"},
    {"ConstantOfShape Expand",
     "full zeros ones empty full_like zeros_like ones_like empty_like new_full new_zeros new_ones new_empty zero fill "
     "scalar_tensor"},
    {"NonZero", "nonzero nonzero_numpy argwhere masked_select"},
};

bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

// "view" of "aten.view.default", "transpose" of "aten.transpose_.int", "expand" of "aten.expand_copy.default".
std::string_view aten_name(std::string_view origin) {
  constexpr std::string_view kAten = "aten.";
  if (!origin.starts_with(kAten)) return {};
  origin.remove_prefix(kAten.size());
  std::string_view name = origin.substr(0, origin.find('.'));
  if (name.size() > 1 && name.ends_with('_') && !name.ends_with("__")) name.remove_suffix(1);
  if (constexpr std::string_view kCopy = "_copy"; name.ends_with(kCopy) && name != "_to_copy") {
    name.remove_suffix(kCopy.size());
  }
  return name;
}

// Ops whose result is their first input, moved or picked from; the other inputs say how.
bool moves_first_input(std::string_view op_type) {
  static constexpr std::string_view kMovers =
      "Cast Expand Flatten Gather Identity Pad Reshape Slice Split Squeeze Tile Transpose Unsqueeze";
  return has_word(kMovers, op_type);
}

// Follows sizes through a model: values that Shape gave, and what is computed from them alone.
class SizeData {
 public:
  explicit SizeData(const onnx::Model& model) : is_size_(model.values.size()), is_constant_(model.values.size()) {
    for (const onnx::Initializer& initializer : model.initializers) {
      if (initializer.value < is_constant_.size()) is_constant_[initializer.value] = !initializer.is_parameter;
    }
  }

  // Whether `node` computes sizes; remembers it of its outputs. Nodes come in topological order.
  bool visit(const onnx::Node& node) {
    const bool sizes = computes_sizes(node);
    for (const onnx::ValueId output : node.outputs) {
      if (output == onnx::kNoValue) continue;
      is_size_[output] = sizes;
      if (node.op_type == "Constant") is_constant_[output] = true;
    }
    return sizes;
  }

 private:
  [[nodiscard]] bool computes_sizes(const onnx::Node& node) const {
    if (node.op_type == "Shape" || node.op_type == "Size") return true;
    // These turn sizes into data.
    if (node.op_type == "Range" || node.op_type == "ConstantOfShape" || node.inputs.empty()) return false;
    if (moves_first_input(node.op_type)) return is_size(node.inputs.front());
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(), [&](auto v) { return is_size(v); });
    return any && std::all_of(node.inputs.begin(), node.inputs.end(),
                              [&](auto v) { return v == onnx::kNoValue || is_size(v) || is_constant_[v]; });
  }
  [[nodiscard]] bool is_size(onnx::ValueId value) const { return value != onnx::kNoValue && is_size_[value]; }

  std::vector<bool> is_size_;
  std::vector<bool> is_constant_;
};

}  // namespace

bool is_auxiliary_type(std::string_view op_type) {
  return std::binary_search(std::begin(kAuxiliary), std::end(kAuxiliary), op_type);
}

bool is_purpose_of(std::string_view origin, std::string_view op_type) {
  const std::string_view name = aten_name(origin);
  return !name.empty() && std::any_of(std::begin(kPurposes), std::end(kPurposes), [&](const Purpose& row) {
    return has_word(row.op_types, op_type) && has_word(row.aten, name);
  });
}

void assign_roles(onnx::Model& model) {
  SizeData sizes(model);
  for_each_node_of(model, [&](onnx::Node& node) {
    const bool on_sizes = sizes.visit(node);
    const bool plumbing = node.domain.empty() && is_auxiliary_type(node.op_type) &&
                          (on_sizes || !is_purpose_of(node.origin, node.op_type));
    node.role = plumbing ? onnx::Role::Auxiliary : onnx::Role::Core;
  });
}

}  // namespace modelexport::tag
