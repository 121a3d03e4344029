#include "lower/custom_op.h"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "onnx/reader.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

using program::Argument;
using program::Arguments;
using program::Kind;

bool is_reference(const Argument& argument) { return argument.as<program::ValueRef>() != nullptr; }

// Calls `visit` for the argument or, when it is a list, for its items.
template <typename Visit>
void for_each_item(const Argument& argument, Visit&& visit) {
  if (const auto* list = argument.as<Arguments>()) {
    for (const Argument& item : *list) for_each_item(item, visit);
  } else {
    visit(argument);
  }
}

void refuse_complex(const Context& c) {
  const auto check = [&](const program::Value& value) {
    if (is_complex(value.dtype)) c.unsupported("ONNX has no complex tensors, and its numbers as pairs are ours alone");
  };
  for (const program::NamedArgument& argument : c.node.args) {
    for_each_item(argument.value, [&](const Argument& item) {
      if (is_reference(item)) check(c.recorded(item));
    });
  }
  for (std::size_t i = 0; i < c.n_outputs(); ++i) check(c.out(i));
}

// Symbolic numbers have shape [1] inside and none outside.
Values conform(Context& c, Values results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Kind kind = c.out(i).kind;
    if (kind == Kind::Tensor || !results[i]) continue;
    c.b.refine(results[i],
               kind == Kind::SymInt    ? DType::Int64
               : kind == Kind::SymBool ? DType::Bool
                                       : DType::Float64,
               onnx::Shape{});
    results[i] = c.b.unsqueeze(results[i], {0});
  }
  return results;
}

// The attribute that holds a value known at export; nothing when the value is none that an attribute can hold.
std::optional<onnx::AttributeValue> attribute_of(const Argument& argument) {
  if (const auto* integer = argument.as<int64_t>()) return *integer;
  if (const auto* real = argument.as<double>()) return static_cast<float>(*real);
  if (const auto* truth = argument.as<bool>()) return static_cast<int64_t>(*truth);
  if (const auto* text = argument.as<std::string>()) return *text;
  if (const auto* dtype = argument.as<DType>()) return static_cast<int64_t>(*dtype);
  if (const auto* device = argument.as<program::DeviceName>()) return device->name;
  if (const auto* format = argument.as<program::MemoryFormat>()) return format->name;
  if (const auto* layout = argument.as<program::Layout>()) return layout->name;
  if (const auto* number = argument.as<std::complex<double>>()) {
    return std::vector<float>{static_cast<float>(number->real()), static_cast<float>(number->imag())};
  }
  return std::nullopt;
}

// Numbers of one list: floating-point ones when the schema says so, integers otherwise.
onnx::AttributeValue list_attribute(const Context& c, const Arguments& list, const std::string& type) {
  std::vector<int64_t> integers;
  std::vector<float> reals;
  std::vector<std::string> texts;
  for (const Argument& item : list) {
    const auto value = attribute_of(item);
    if (!value) c.unsupported("a list holds what no attribute of ONNX can");
    if (const auto* integer = std::get_if<int64_t>(&*value)) {
      integers.push_back(*integer);
      reals.push_back(static_cast<float>(*integer));
    } else if (const auto* real = std::get_if<float>(&*value)) {
      reals.push_back(*real);
    } else if (const auto* text = std::get_if<std::string>(&*value)) {
      texts.push_back(*text);
    } else {
      c.unsupported("a list holds what no attribute of ONNX can");
    }
  }
  if (type.starts_with("float") || (reals.size() == list.size() && integers.size() < list.size())) return reals;
  if (type.starts_with("str") || !texts.empty()) return texts;
  return integers;
}

// The inputs and attributes of a kept operator.
class Node {
 public:
  explicit Node(Context& c) : c_(c) {}

  void add(const program::NamedArgument& argument, const std::string& type) {
    const auto* list = argument.value.as<Arguments>();
    const char* name = argument.name.c_str();
    if (type.starts_with("Tensor")) {
      if (list != nullptr) attrs.emplace_back(name, static_cast<int64_t>(list->size()));
      for (const Argument& item : list == nullptr ? std::span(&argument.value, 1) : std::span(*list)) add_tensor(item);
    } else if (list != nullptr && std::ranges::any_of(*list, is_reference)) {
      sizes_.push_back(c_.b.shape_tensor(c_.sizes(argument.name)));
    } else if (list != nullptr) {
      attrs.emplace_back(name, list_attribute(c_, *list, type));
    } else if (is_reference(argument.value)) {
      sizes_.push_back(c_.value_of(argument.value));
    } else if (const auto value = attribute_of(argument.value)) {
      attrs.emplace_back(name, *value);
    } else if (!argument.value.is_none()) {
      c_.unsupported("its argument '" + argument.name + "' can be neither an input nor an attribute");
    }
  }

  Values inputs() {
    Values all = tensors_;
    all.insert(all.end(), sizes_.begin(), sizes_.end());
    return all;
  }

  Attrs attrs;

 private:
  void add_tensor(const Argument& argument) { tensors_.push_back(argument.is_none() ? V{} : c_.value_of(argument)); }

  Context& c_;
  Values tensors_;
  Values sizes_;
};

}  // namespace

Values translate_call(Context& c, const Translations& translations) {
  refuse_complex(c);
  TranslatedCall call{c.node, {}};
  Values inputs;
  for (const program::NamedArgument& argument : c.node.args) {
    for_each_item(argument.value, [&](const Argument& item) {
      if (item.as<program::GraphRef>() != nullptr) c.unsupported("a sub-graph cannot be given to a translation");
      if (!is_reference(item)) return;
      inputs.push_back(c.value_of(item));
      call.tensors.push_back(c.b.value(inputs.back()));
    });
  }
  const std::string bytes = translations.translate(call);
  const onnx::Model graph = onnx::read_model_from_bytes(std::as_bytes(std::span(bytes)));
  if (graph.graph.inputs.size() != inputs.size()) fail("its translation does not take the tensors of the call");
  Values results = c.b.splice(graph, inputs);
  if (results.size() != c.n_outputs()) {
    fail("its translation gives " + std::to_string(results.size()) + " results, torch has " +
         std::to_string(c.n_outputs()));
  }
  return conform(c, std::move(results));
}

bool is_custom(const program::Node& node) { return node.schema != nullptr && !node.target.starts_with("aten::"); }

Values keep_custom_op(Context& c) {
  refuse_complex(c);
  const std::string& target = c.node.target;
  if (c.node.schema->mutates()) c.unsupported("it writes to its arguments, which a node of ONNX cannot");
  const auto colon = target.find("::");
  const auto dot = target.find('.', colon);
  Node node(c);
  if (dot != std::string::npos) node.attrs.emplace_back("overload_name", target.substr(dot + 1));
  for (std::size_t i = 0; i < c.node.args.size(); ++i) node.add(c.node.args[i], c.node.schema->arguments[i].type);
  const std::string name = target.substr(colon + 2, dot == std::string::npos ? dot : dot - colon - 2);
  return conform(c, c.b.custom(target.substr(0, colon), name, node.inputs(), c.n_outputs(), node.attrs));
}

}  // namespace modelexport::lower
