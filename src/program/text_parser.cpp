#include <fmt/format.h>

#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include "program/infix.h"
#include "program/scanner.h"
#include "program/text.h"
#include "support/error.h"

namespace modelexport::program {

namespace {

constexpr int kMaxNesting = 100;

constexpr std::array<std::pair<std::string_view, InputKind>, 5> kInputKinds = {{{"parameter", InputKind::Parameter},
                                                                                {"buffer", InputKind::Buffer},
                                                                                {"constant", InputKind::Constant},
                                                                                {"token", InputKind::Token},
                                                                                {"unused", InputKind::Unused}}};
constexpr std::array<std::pair<std::string_view, OutputKind>, 4> kOutputKinds = {
    {{"buffer", OutputKind::BufferMutation},
     {"parameter", OutputKind::ParameterMutation},
     {"input", OutputKind::UserInputMutation},
     {"token", OutputKind::Token}}};

class Parser {
 public:
  Parser(std::string_view text, const SchemaLookup& lookup) : in_(text, "program"), builder_(program_, lookup) {}

  Program parse() {
    while (in_.accept("module")) module();
    for (std::size_t index = 0; in_.accept("graph"); ++index) {
      values_.clear();
      if (index == 0) {
        graph();
        continue;
      }
      in_.expect(fmt::format("#{}", index));
      builder_.begin_graph();
      graph();
      builder_.end_graph();
    }
    in_.skip_spaces();
    if (!in_.at_end()) in_.fail_here("expected a graph");
    return std::move(program_);
  }

 private:
  void module() {
    const std::string path = in_.quoted();
    in_.expect(":");
    classes_[path] = in_.identifier(".<>");
    if (path.empty()) program_.modules.set_root_class(classes_[path]);
  }

  void graph() {
    in_.expect("(");
    if (!in_.accept(")")) {
      do {
        builder_.add_input(input());
      } while (in_.accept(","));
      in_.expect(")");
    }
    in_.expect(":");
    while (!in_.accept("return")) node();
    in_.skip_spaces();
    if (in_.at_end() || in_.looking_at("graph")) return;
    do {
      builder_.add_output(output());
    } while (in_.accept(","));
  }

  Input input() {
    Input result;
    in_.skip_spaces();
    if (in_.peek() == '%') {
      result.value = definition();
    } else {
      result.constant = argument();
    }
    for (const auto& [word, kind] : kInputKinds) {
      if (!in_.accept(word)) continue;
      result.kind = kind;
      result.target = in_.quoted();
      break;
    }
    result.persistent = !in_.accept("transient");
    return result;
  }

  Output output() {
    Output result;
    for (const auto& [word, kind] : kOutputKinds) {
      if (!in_.accept(word)) continue;
      result.kind = kind;
      result.target = in_.quoted();
      in_.expect("=");
      break;
    }
    result.value = argument();
    return result;
  }

  void node() {
    std::vector<ValueId> outputs;
    in_.skip_spaces();
    if (in_.peek() == '%') {
      do {
        outputs.push_back(definition());
      } while (in_.accept(","));
      in_.expect("=");
    }
    std::string target(in_.identifier(":."));
    std::vector<NamedArgument> args;
    in_.expect("(");
    if (!in_.accept(")")) {
      do {
        std::string name(in_.identifier());
        in_.expect("=");
        args.push_back({std::move(name), argument()});
      } while (in_.accept(","));
      in_.expect(")");
    }
    const bool is_recorded = in_.accept("@");
    Node& node = builder_.call(std::move(target), {}, {}, std::move(args), std::move(outputs), kRootScope, is_recorded);
    if (is_recorded) scope(node);
  }

  void scope(Node& node) {
    if (is_identifier_char(in_.peek())) {
      do {
        const std::string path(in_.identifier(".-"));
        const uint32_t call = in_.accept("#") ? static_cast<uint32_t>(to_integer(in_.number(), in_)) : 0;
        node.scope = program_.modules.enter(node.scope, path, classes_[path], call);
      } while (in_.accept("/"));
    }
    for (const Provenance provenance : {Provenance::Inherited, Provenance::Merged, Provenance::Fallback}) {
      if (in_.accept(name_of(provenance))) node.provenance = provenance;
    }
  }

  std::string value_name() {
    in_.expect("%");
    return std::string(in_.identifier("."));
  }

  ValueId definition() {
    Value value;
    std::string name = value_name();
    in_.expect(":");
    type(value);
    value.name = name;
    const ValueId id = builder_.add_value(std::move(value));
    if (!values_.emplace(std::move(name), id).second) in_.fail_here("this value is defined twice");
    return id;
  }

  void type(Value& value) {
    const std::string_view word = in_.identifier();
    if (word == "SymInt") {
      value.kind = Kind::SymInt;
      in_.expect("(");
      value.scalar = dim();
      in_.expect(")");
    } else if (word == "SymFloat") {
      value.kind = Kind::SymFloat;
    } else if (word == "SymBool") {
      value.kind = Kind::SymBool;
    } else if (word == "None") {
      value.kind = Kind::None;
    } else {
      value.dtype = dtype_from_name(word);
      if (value.dtype == DType::Undefined && word != "undefined") in_.fail_here("unknown element type");
      value.sizes = dims("[", "]");
      if (in_.peek() == '{') {
        value.strides = dims("{", "}");
      } else {
        value.strides = row_major(value.sizes);
      }
    }
  }

  std::vector<Dim> dims(std::string_view open, std::string_view close) {
    std::vector<Dim> result;
    in_.expect(open);
    if (in_.accept(close)) return result;
    do {
      result.push_back(dim());
    } while (in_.accept(","));
    in_.expect(close);
    return result;
  }

  Dim dim() {
    const ExprId id = parse_infix(in_, program_.symbols);
    const Expr& expr = program_.symbols[id];
    return expr.head == "Integer" ? Dim{expr.integer} : Dim{0, id};
  }

  // Unknown (none) when a symbolic size is involved.
  static std::vector<Dim> row_major(const std::vector<Dim>& sizes) {
    std::vector<Dim> strides(sizes.size());
    uint64_t stride = 1;
    for (std::size_t i = sizes.size(); i-- > 0;) {
      if (!sizes[i].is_static() && i > 0) return {};
      strides[i] = {static_cast<int64_t>(stride)};
      stride *= static_cast<uint64_t>(std::max<int64_t>(sizes[i].value, 1));
    }
    return strides;
  }

  Argument argument() {
    in_.skip_spaces();
    if (in_.peek() == '%') return reference();
    if (in_.peek() == '"') return {in_.quoted()};
    if (in_.accept("[")) return list();
    if (in_.at_number()) return number();
    return word(std::string(in_.identifier()));
  }

  Argument reference() {
    const auto found = values_.find(value_name());
    if (found == values_.end()) in_.fail_here("this value is not defined above");
    return {ValueRef{found->second}};
  }

  Argument list() {
    if (++nesting_ > kMaxNesting) in_.fail_here("lists nested too deep");
    Arguments items;
    if (!in_.accept("]")) {
      do {
        items.push_back(argument());
      } while (in_.accept(","));
      in_.expect("]");
    }
    --nesting_;
    return {std::move(items)};
  }

  Argument number() {
    const std::string_view digits = in_.number();
    if (digits.find_first_not_of("+-0123456789") == std::string_view::npos) return {to_integer(digits, in_)};
    return {to_double(digits, in_)};
  }

  Argument word(const std::string& word) {
    if (word == "None") return {};
    if (word == "True" || word == "False") return {word == "True"};
    if (!in_.accept("(")) {
      const DType dtype = dtype_from_name(word);
      if (dtype == DType::Undefined) in_.fail_here("unknown value");
      return {dtype};
    }
    Argument result = wrapped(word);
    in_.expect(")");
    return result;
  }

  Argument wrapped(const std::string& word) {
    if (word == "device") return {DeviceName{in_.quoted()}};
    if (word == "memory_format") return {MemoryFormat{std::string(in_.identifier())}};
    if (word == "layout") return {Layout{std::string(in_.identifier())}};
    if (word == "graph") {
      in_.expect("#");
      return {GraphRef{static_cast<uint32_t>(to_integer(in_.number(), in_))}};
    }
    if (word != "complex") in_.fail_here("unknown kind of value");
    const double real = to_double(in_.number(), in_);
    in_.expect(",");
    return {std::complex<double>(real, to_double(in_.number(), in_))};
  }

  Scanner in_;
  Program program_;
  ProgramBuilder builder_;
  std::map<std::string, std::string> classes_;       // by path
  std::unordered_map<std::string, ValueId> values_;  // of the graph being read
  int nesting_ = 0;
};

}  // namespace

Program parse_program(std::string_view text, const SchemaLookup& lookup) { return Parser(text, lookup).parse(); }

}  // namespace modelexport::program
