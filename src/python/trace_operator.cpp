#include "python/trace_operator.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "python/torch_types.h"

namespace modelexport::python {

namespace {

bool has_tag(nb::handle overload, const char* tag) {
  const nb::object tags = nb::module_::import_("torch").attr("Tag");
  return PySequence_Contains(overload.attr("tags").ptr(), nb::object(tags.attr(tag)).ptr()) == 1;
}

// Composite operators that are called often and never look at data.
bool reads_nothing(std::string_view name) {
  constexpr std::array<std::string_view, 25> kNames = {"linear",
                                                       "matmul",
                                                       "layer_norm",
                                                       "group_norm",
                                                       "rms_norm",
                                                       "batch_norm",
                                                       "scaled_dot_product_attention",
                                                       "dropout",
                                                       "conv1d",
                                                       "conv2d",
                                                       "contiguous",
                                                       "reshape",
                                                       "flatten.using_ints",
                                                       "unflatten.int",
                                                       "expand_as",
                                                       "to.dtype",
                                                       "to.device",
                                                       "to.dtype_layout",
                                                       "to.other",
                                                       "type_as",
                                                       "softmax.int",
                                                       "log_softmax.int",
                                                       "chunk",
                                                       "pad",
                                                       "narrow"};
  return name.starts_with("aten::") && std::ranges::find(kNames, name.substr(6)) != kNames.end();
}

bool is_size(const std::string& argument) { return argument == "num_classes" || argument == "output_size"; }

TraceOperator read(nb::handle overload) {
  TraceOperator op;
  op.overload = nb::borrow(overload);
  op.run = overload.attr("_op");
  op.name = nb::cast<std::string>(overload.attr("name")());
  const nb::object schema = overload.attr("_schema");
  op.schema_text = text_of(str_of(schema));
  for (nb::handle argument : schema.attr("arguments")) {
    const nb::object alias = argument.attr("alias_info");
    op.argument_names.emplace_back(text_of(argument.attr("name")));
    op.is_written.push_back(!alias.is_none() && nb::cast<bool>(alias.attr("is_write")));
  }
  const auto size = std::ranges::find_if(op.argument_names, is_size);
  if (size != op.argument_names.end()) op.size_argument = static_cast<std::size_t>(size - op.argument_names.begin());
  op.mutates = std::ranges::find(op.is_written, true) != op.is_written.end();
  op.lifts = op.name == "aten::lift_fresh";
  op.keeps_statistics = std::ranges::any_of(op.argument_names, is_statistic);
  op.is_random = has_tag(overload, "nondeterministic_seeded");
  op.sizes_from_data = has_tag(overload, "dynamic_output_shape");
  op.is_watched = nb::cast<bool>(overload.attr("_can_decompose")()) && !reads_nothing(op.name);
  return op;
}

}  // namespace

const TraceOperator& trace_operator(nb::handle overload) {
  // Operators are torch's for good. Never freed: when the process ends, the interpreter goes before this would.
  static auto& operators = *new std::unordered_map<PyObject*, TraceOperator>;
  if (const auto found = operators.find(overload.ptr()); found != operators.end()) return found->second;
  return operators.emplace(overload.ptr(), read(overload)).first->second;
}

}  // namespace modelexport::python
