#include "lower/view_layout.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace modelexport::lower {

using program::Graph;
using program::Kind;
using program::Node;
using program::Value;
using program::ValueRef;

namespace {

using Numbers = std::vector<int64_t>;

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, name) != names.end();
}

// Sizes as seen during capture: torch decided with those whether to copy.
Numbers numbers_of(const std::vector<program::Dim>& dims) {
  Numbers numbers;
  for (const program::Dim& dim : dims) numbers.push_back(dim.value);
  return numbers;
}

Numbers strides_of(const Value& tensor) {
  if (tensor.strides.size() == tensor.sizes.size()) return numbers_of(tensor.strides);
  Numbers strides(tensor.sizes.size(), 1);
  for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.sizes[i].value;
  return strides;
}

// Strides of axes of size 1 say nothing.
bool same_layout(const Numbers& sizes, const Numbers& a, const Numbers& b) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > 1 && a[i] != b[i]) return false;
  }
  return true;
}

// The strides with which `wanted` sizes see a tensor without moving elements, if there are such strides: every run of
// axes that lie without gaps in memory can be divided anew.
std::optional<Numbers> strides_of_view(const Numbers& sizes, const Numbers& strides, const Numbers& wanted) {
  Numbers result(wanted.size(), 1);
  if (std::ranges::find(sizes, 0) != sizes.end()) return result;
  std::size_t next = wanted.size();
  std::size_t end = sizes.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    int64_t run = sizes[begin];
    while (begin > 0 && (sizes[begin - 1] == 1 || strides[begin - 1] == run * strides[end - 1])) run *= sizes[--begin];
    int64_t covered = 1;
    while (next > 0 && (covered < run || wanted[next - 1] == 1)) {
      --next;
      result[next] = covered * strides[end - 1];
      covered *= wanted[next];
    }
    if (covered != run) return std::nullopt;
    end = begin;
  }
  const bool rest_is_one = std::all_of(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(next),
                                       [](int64_t size) { return size == 1; });
  return rest_is_one ? std::optional(result) : std::nullopt;
}

bool is_true(const Node& node, std::string_view name) {
  const program::Argument* argument = node.find(name);
  const bool* flag = argument == nullptr ? nullptr : argument->as<bool>();
  return flag != nullptr && *flag;
}

// An eager dropout outside of training returns its argument, and so do these, though their schemas do not say so.
bool may_return_its_argument(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"dropout", "feature_dropout", "alpha_dropout",
                                                      "feature_alpha_dropout", "type_as"};
  return is_one_of(name, kNames);
}

bool may_reshape_undeclared(std::string_view name) {
  constexpr std::array<std::string_view, 3> kNames = {"atleast_1d", "atleast_2d", "atleast_3d"};
  return is_one_of(name, kNames);
}

// Views that keep elements and sizes; some copy when the wanted type or layout differs.
bool keeps_its_argument(std::string_view name) {
  constexpr std::array<std::string_view, 10> kNames = {"alias", "detach", "lift_fresh", "lift",         "positive",
                                                       "data",  "to",     "contiguous", "resolve_conj", "resolve_neg"};
  return is_one_of(name, kNames) || may_return_its_argument(name);
}

bool copies_when_it_must(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"reshape", "reshape_as", "flatten", "ravel"};
  return is_one_of(name, kNames) || may_reshape_undeclared(name);
}

}  // namespace

std::string_view aten_name(const Node& node) {
  std::string_view name = node.target;
  if (!name.starts_with("aten::")) return {};
  name.remove_prefix(6);
  return name.substr(0, name.find('.'));
}

std::optional<std::size_t> viewed_argument(const Node& node) {
  if (node.schema == nullptr) return std::nullopt;
  const auto& arguments = node.schema->arguments;
  for (const program::SchemaReturn& result : node.schema->returns) {
    if (result.alias.empty()) continue;
    const auto viewed = std::ranges::find(arguments, result.alias, &program::SchemaArgument::alias);
    if (viewed != arguments.end()) return static_cast<std::size_t>(viewed - arguments.begin());
  }
  const std::string_view name = aten_name(node);
  if (may_return_its_argument(name) || may_reshape_undeclared(name)) return 0;
  return std::nullopt;
}

Aliasing aliasing_of(const Graph& graph, const Node& node) {
  const auto position = viewed_argument(node);
  if (!position || *position >= node.args.size() || node.outputs.empty()) return Aliasing::None;
  const auto* viewed = node.args[*position].value.as<ValueRef>();
  if (viewed == nullptr || graph.values[viewed->id].kind != Kind::Tensor) return Aliasing::None;
  const Value& source = graph.values[viewed->id];
  const Value& result = graph.values[node.outputs.front()];
  const std::string_view name = aten_name(node);
  const bool is_real_part = (name == "real" || name == "conj") && !is_complex(source.dtype);
  if (is_real_part) return Aliasing::Same;
  const Numbers sizes = numbers_of(result.sizes);
  if (keeps_its_argument(name)) {
    const bool same = source.dtype == result.dtype && numbers_of(source.sizes) == sizes &&
                      same_layout(sizes, strides_of(source), strides_of(result)) && !is_true(node, "copy") &&
                      !is_true(node, "train");
    return same ? Aliasing::Same : Aliasing::None;
  }
  if (copies_when_it_must(name)) {
    const auto strides = strides_of_view(numbers_of(source.sizes), strides_of(source), sizes);
    return strides && same_layout(sizes, *strides, strides_of(result)) ? Aliasing::View : Aliasing::None;
  }
  return Aliasing::View;
}

bool overlaps_itself(const Value& tensor) {
  for (std::size_t i = 0; i < tensor.strides.size() && i < tensor.sizes.size(); ++i) {
    const program::Dim& stride = tensor.strides[i];
    if (stride.is_static() && stride.value == 0 && tensor.sizes[i].value > 1) return true;
  }
  return false;
}

bool is_row_major(const Value& tensor) {
  Value packed = tensor;
  packed.strides.clear();
  return same_layout(numbers_of(tensor.sizes), strides_of(tensor), strides_of(packed));
}

}  // namespace modelexport::lower
