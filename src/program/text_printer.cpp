#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "program/scanner.h"
#include "program/text.h"
#include "support/json.h"

namespace modelexport::program {

namespace {

std::string_view kind_name(InputKind kind) {
  switch (kind) {
    case InputKind::UserInput:
      return "";
    case InputKind::Parameter:
      return "parameter";
    case InputKind::Buffer:
      return "buffer";
    case InputKind::Constant:
      return "constant";
    case InputKind::Token:
      return "token";
    case InputKind::Unused:
      return "unused";
  }
  return "";
}

std::string_view kind_name(OutputKind kind) {
  switch (kind) {
    case OutputKind::UserOutput:
      return "";
    case OutputKind::BufferMutation:
      return "buffer";
    case OutputKind::ParameterMutation:
      return "parameter";
    case OutputKind::UserInputMutation:
      return "input";
    case OutputKind::Token:
      return "token";
  }
  return "";
}

std::string real(double number) {
  std::string text = fmt::format("{}", number);
  const bool looks_whole = text.find_first_not_of("-0123456789") == std::string::npos;
  return looks_whole ? text + ".0" : text;
}

class Printer {
 public:
  Printer(const Program& program, const Graph& graph) : program_(program), graph_(graph) {}

  std::string graph(std::size_t index) const {
    std::string out = index == 0 ? "graph(" : fmt::format("graph #{}(", index);
    std::string_view comma = "";
    for (const Input& input : graph_.inputs) {
      out += comma;
      out += this->input(input);
      comma = ", ";
    }
    out += "):\n";
    for (const Node& node : graph_.nodes) out += "  " + this->node(node) + "\n";
    out += "  return";
    comma = " ";
    for (const Output& output : graph_.outputs) {
      out += comma;
      out += this->output(output);
      comma = ", ";
    }
    return out + "\n";
  }

  std::string node(const Node& node) const {
    std::string out;
    std::string_view comma = "";
    for (const ValueId id : node.outputs) {
      out += comma;
      out += defined(id);
      comma = ", ";
    }
    if (!out.empty()) out += " = ";
    out += node.target + "(";
    comma = "";
    for (const NamedArgument& argument : node.args) {
      out += comma;
      out += argument.name + "=" + value(argument.value);
      comma = ", ";
    }
    return out + ")" + scope(node);
  }

 private:
  std::string input(const Input& input) const {
    std::string out = input.value == kNoValue ? value(input.constant) : defined(input.value);
    if (input.kind != InputKind::UserInput)
      out += fmt::format(" {} {}", kind_name(input.kind), json::quote(input.target));
    if (!input.persistent) out += " transient";
    return out;
  }

  std::string output(const Output& output) const {
    if (output.kind == OutputKind::UserOutput) return value(output.value);
    return fmt::format("{} {} = {}", kind_name(output.kind), json::quote(output.target), value(output.value));
  }

  std::string defined(ValueId id) const { return name(id) + ": " + type(graph_.values.at(id)); }

  std::string name(ValueId id) const {
    const std::string& name = graph_.values.at(id).name;
    if (!name.empty() && std::ranges::all_of(name, [](char c) { return is_identifier_char(c) || c == '.'; })) {
      return "%" + name;
    }
    return fmt::format("%{}", id);
  }

  std::string type(const Value& value) const {
    switch (value.kind) {
      case Kind::Tensor:
        break;
      case Kind::SymInt:
        return "SymInt(" + dim(value.scalar) + ")";
      case Kind::SymFloat:
        return "SymFloat";
      case Kind::SymBool:
        return "SymBool";
      case Kind::None:
        return "None";
    }
    std::string out = fmt::format("{}[{}]", name_of(value.dtype), dims(value.sizes));
    if (!is_row_major(value)) out += "{" + dims(value.strides) + "}";
    return out;
  }

  static bool is_row_major(const Value& value) {
    if (value.strides.empty()) return true;
    if (value.strides.size() != value.sizes.size()) return false;
    uint64_t expected = 1;
    for (std::size_t i = value.sizes.size(); i-- > 0;) {
      if (!(value.strides[i] == Dim{static_cast<int64_t>(expected)})) return false;
      if (!value.sizes[i].is_static() && i > 0) return false;
      expected *= static_cast<uint64_t>(std::max<int64_t>(value.sizes[i].value, 1));
    }
    return true;
  }

  std::string dims(const std::vector<Dim>& dims) const {
    std::string out;
    std::string_view comma = "";
    for (const Dim& dim : dims) {
      out += comma;
      out += this->dim(dim);
      comma = ", ";
    }
    return out;
  }

  std::string dim(const Dim& dim) const {
    return dim.is_static() ? std::to_string(dim.value) : program_.symbols.print(dim.expr);
  }

  std::string value(const Argument& argument) const {
    return std::visit([&](const auto& item) { return literal(item); }, argument.value);
  }
  static std::string literal(std::monostate /*none*/) { return "None"; }
  std::string literal(ValueRef ref) const { return name(ref.id); }
  static std::string literal(int64_t number) { return std::to_string(number); }
  static std::string literal(double number) { return real(number); }
  static std::string literal(bool flag) { return flag ? "True" : "False"; }
  static std::string literal(const std::string& text) { return json::quote(text); }
  static std::string literal(const std::complex<double>& number) {
    return fmt::format("complex({}, {})", real(number.real()), real(number.imag()));
  }
  static std::string literal(DType dtype) { return std::string(name_of(dtype)); }
  static std::string literal(const DeviceName& device) { return fmt::format("device({})", json::quote(device.name)); }
  static std::string literal(const MemoryFormat& format) { return "memory_format(" + format.name + ")"; }
  static std::string literal(const Layout& layout) { return "layout(" + layout.name + ")"; }
  static std::string literal(GraphRef ref) { return fmt::format("graph(#{})", ref.index); }
  std::string literal(const Arguments& items) const {
    std::string out = "[";
    std::string_view comma = "";
    for (const Argument& item : items) {
      out += comma;
      out += value(item);
      comma = ", ";
    }
    return out + "]";
  }

  std::string scope(const Node& node) const {
    if (node.provenance == Provenance::Fallback && node.scope == kRootScope) return "";
    std::string out = " @";
    std::string_view slash = "";
    for (const ScopeId id : program_.modules.chain(node.scope)) {
      if (id == kRootScope) continue;
      const ModuleCall& call = program_.modules[id];
      out += slash;
      out += call.path;
      if (call.call != 0) out += fmt::format("#{}", call.call);
      slash = "/";
    }
    if (node.provenance != Provenance::Exact) out += fmt::format(" {}", name_of(node.provenance));
    return out;
  }

  const Program& program_;
  const Graph& graph_;
};

std::string print_modules(const ModuleTree& modules) {
  std::string out;
  std::unordered_set<std::string> printed;
  for (ScopeId id = 0; id < modules.size(); ++id) {
    const ModuleCall& call = modules[id];
    if (call.qualified_class.empty() || !printed.insert(call.path).second) continue;
    out += fmt::format("module {}: {}\n", json::quote(call.path), call.qualified_class);
  }
  return out;
}

}  // namespace

std::string print(const Program& program) {
  std::string out = print_modules(program.modules);
  for (std::size_t i = 0; i < program.graphs.size(); ++i) out += Printer(program, *program.graphs[i]).graph(i);
  return out;
}

std::string print(const Program& program, const Graph& graph, const Node& node) {
  return Printer(program, graph).node(node);
}

}  // namespace modelexport::program
