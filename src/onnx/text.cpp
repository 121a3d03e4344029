#include "onnx/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "onnx/evaluate.h"

namespace modelexport::onnx {
namespace {

constexpr int64_t kFewElements = 8;

std::string name_of_value(const Model& model, ValueId id) { return id == kNoValue ? "_" : "%" + model.values[id].name; }

std::string typed_value(const Model& model, ValueId id) { return id == kNoValue ? "_" : print(model.values[id]); }

template <typename Show>
std::string joined(const Model& model, const std::vector<ValueId>& ids, Show&& show) {
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : ", ") + show(model, id);
  return text;
}

std::string elements_of(const TensorView& tensor) {
  if (tensor.storage == nullptr || size_of(tensor.dtype) == 0 || tensor.numel() > kFewElements) return "";
  if (const auto numbers = read_ints(tensor)) return fmt::format(" {}", *numbers);
  if (const auto numbers = read_doubles(tensor)) return fmt::format(" {}", *numbers);
  return "";
}

std::string type_of(const TensorView& tensor) {
  return fmt::format("{}[{}]", name_of(tensor.dtype), fmt::join(tensor.sizes, ", "));
}

class Printer {
 public:
  explicit Printer(const Model& model) : model_(model) {}

  [[nodiscard]] std::string graph(const Graph& graph, const std::string& indent) const;
  [[nodiscard]] std::string node(const Node& node, const std::string& indent) const;
  [[nodiscard]] std::string initializers() const;

 private:
  [[nodiscard]] std::string attributes(const Node& node, const std::string& indent) const;

  const Model& model_;
};

struct AttributePrinter {
  const Printer& printer;
  const std::string& indent;

  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(float value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return fmt::format("\"{}\"", value); }
  std::string operator()(const std::vector<int64_t>& values) const { return fmt::format("{}", values); }
  std::string operator()(const std::vector<float>& values) const { return fmt::format("{}", values); }
  std::string operator()(const std::vector<std::string>& values) const { return fmt::format("{}", values); }
  std::string operator()(const TensorView& tensor) const { return type_of(tensor) + elements_of(tensor); }
  std::string operator()(const std::shared_ptr<Graph>& body) const { return printer.graph(*body, indent) + indent; }
  std::string operator()(const EncodedAttribute&) const { return "?"; }
};

std::string Printer::attributes(const Node& node, const std::string& indent) const {
  std::string text;
  for (const auto& attribute : node.attributes) {
    text += text.empty() ? " <" : ", ";
    text += attribute.name + " = " + std::visit(AttributePrinter{*this, indent}, attribute.value);
  }
  return text.empty() ? "" : text + ">";
}

std::string Printer::node(const Node& node, const std::string& indent) const {
  const std::string domain = node.domain.empty() ? "" : node.domain + "::";
  return fmt::format("{}{} = {}{}({}){}\n", indent, joined(model_, node.outputs, typed_value), domain, node.op_type,
                     joined(model_, node.inputs, name_of_value), attributes(node, indent));
}

std::string Printer::initializers() const {
  std::string text;
  for (const auto& initializer : model_.initializers) {
    text += fmt::format("  {} = {}{}\n", typed_value(model_, initializer.value),
                        initializer.is_parameter ? "parameter" : "constant", elements_of(initializer.data));
  }
  return text;
}

std::string Printer::graph(const Graph& graph, const std::string& indent) const {
  std::string text = fmt::format("graph {}({}):\n", graph.name, joined(model_, graph.inputs, typed_value));
  if (&graph == &model_.graph) text += initializers();
  const std::string inner = indent + "  ";
  for (const auto& each : graph.nodes) text += node(each, inner);
  return text + fmt::format("{}return {}\n", inner, joined(model_, graph.outputs, name_of_value));
}

}  // namespace

std::string print(const Value& value) {
  std::string text = "%" + value.name;
  if (value.dtype == DType::Undefined) return text;
  std::string type(name_of(value.dtype));
  if (value.shape) {
    std::string dims;
    for (const auto& dim : *value.shape) {
      const std::string unknown = dim.param.empty() ? "?" : dim.param;
      dims += (dims.empty() ? "" : ", ") + (dim.is_static() ? std::to_string(dim.value) : unknown);
    }
    type += "[" + dims + "]";
  } else {
    type += "[...]";
  }
  return text + ": " + (value.is_sequence ? "sequence(" + type + ")" : type);
}

std::string print(const Model& model, const Node& node) { return Printer(model).node(node, ""); }

std::string print(const Model& model) {
  const Printer printer(model);
  std::string text = printer.graph(model.graph, "");
  for (const auto& function : model.functions) {
    text += fmt::format("function {}::{} = {}", function.domain, function.name, printer.graph(*function.body, ""));
  }
  return text;
}

}  // namespace modelexport::onnx
