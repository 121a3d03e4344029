#include "program/aten_schema.h"

#include <algorithm>
#include <array>
#include <optional>

#include "program/program.h"
#include "program/scanner.h"

namespace modelexport::program {

namespace {

constexpr int kMaxTypeNesting = 16;

struct Type {
  std::string text;
  std::string alias;
  bool is_written = false;

  void add_alias(const Type& other) {
    if (alias.empty()) alias = other.alias;
    is_written = is_written || other.is_written;
  }
};

// Orders of c10::ScalarType, c10::MemoryFormat and c10::Layout: printed schemas hold their numbers.
constexpr std::array kScalarTypes = {DType::UInt8,     DType::Int8,      DType::Int16,      DType::Int32,
                                     DType::Int64,     DType::Float16,   DType::Float32,    DType::Float64,
                                     DType::Undefined, DType::Complex64, DType::Complex128, DType::Bool,
                                     DType::Undefined, DType::Undefined, DType::Undefined,  DType::BFloat16};
constexpr std::array<std::string_view, 4> kMemoryFormats = {"contiguous_format", "preserve_format", "channels_last",
                                                            "channels_last_3d"};
constexpr std::array<std::string_view, 3> kLayouts = {"strided", "sparse_coo", "sparse_csr"};

bool starts_generic(std::string_view base) {
  constexpr std::array<std::string_view, 6> kGenerics = {"Dict", "Future", "RRef", "Await", "Union", "List"};
  return std::ranges::find(kGenerics, base) != kGenerics.end();
}

class SchemaParser {
 public:
  explicit SchemaParser(std::string_view text) : in_(text, "schema") {}

  Schema parse() {
    Schema schema;
    schema.name = in_.identifier(":.<>");
    arguments(schema);
    in_.expect("->");
    returns(schema);
    in_.skip_spaces();
    if (!in_.at_end()) in_.fail_here("unexpected text");
    return schema;
  }

 private:
  void arguments(Schema& schema) {
    bool keyword_only = false;
    in_.expect("(");
    if (in_.accept(")")) return;
    do {
      if (in_.accept("...")) continue;  // any number of further arguments
      if (in_.accept("*")) {
        keyword_only = true;
        continue;
      }
      schema.arguments.push_back(argument(keyword_only));
    } while (in_.accept(","));
    in_.expect(")");
  }

  SchemaArgument argument(bool keyword_only) {
    Type parsed = type();
    SchemaArgument result{.name = std::string(in_.identifier()),
                          .type = std::move(parsed.text),
                          .alias = std::move(parsed.alias),
                          .is_written = parsed.is_written,
                          .keyword_only = keyword_only,
                          .default_value = nullptr};
    if (in_.accept("=")) result.default_value = std::make_shared<const Argument>(default_value(result.type));
    return result;
  }

  void returns(Schema& schema) {
    if (in_.accept("...")) return;
    if (!in_.accept("(")) {
      schema.returns.push_back(returned());
      return;
    }
    if (in_.accept(")")) return;
    do {
      if (in_.accept("...")) continue;
      schema.returns.push_back(returned());
    } while (in_.accept(","));
    in_.expect(")");
  }

  SchemaReturn returned() {
    Type parsed = type();
    in_.skip_spaces();
    if (is_identifier_char(in_.peek())) in_.identifier();  // results may be named
    return {std::move(parsed.text), std::move(parsed.alias), parsed.is_written};
  }

  // An element type, then any of "[2]", "[]", "?" and an alias mark.
  Type type() {
    if (++nesting_ > kMaxTypeNesting) in_.fail_here("types nested too deep");
    Type result;
    in_.skip_spaces();
    if (in_.peek() == '(') {
      result = type_list("(", ")");
    } else {
      result.text = in_.identifier(".");
      if (starts_generic(result.text) && (in_.peek() == '(' || in_.peek() == '[')) {
        const Type inner = in_.peek() == '(' ? type_list("(", ")") : type_list("[", "]");
        result.text += inner.text;
        result.add_alias(inner);
      }
    }
    while (suffix(result)) {
    }
    --nesting_;
    return result;
  }

  Type type_list(std::string_view open, std::string_view close) {
    Type result;
    in_.expect(open);
    result.text = open;
    do {
      const Type inner = type();
      if (result.text != open) result.text += ", ";
      result.text += inner.text;
      result.add_alias(inner);
    } while (in_.accept(","));
    in_.expect(close);
    result.text += close;
    return result;
  }

  bool suffix(Type& type) {
    // No spaces: what follows a space is the argument's name.
    switch (in_.peek()) {
      case '?':
        in_.expect("?");
        type.text += '?';
        return true;
      case '[':
        in_.expect("[");
        type.text += '[';
        if (!in_.accept("]")) {
          type.text += in_.identifier();
          in_.expect("]");
        }
        type.text += ']';
        return true;
      case '(':
        alias(type);
        return true;
      default:
        return false;
    }
  }

  // "(a)", "(a!)", "(a|b)", "(a! -> b|*)", "(*)": the first name stands for the set.
  void alias(Type& type) {
    Type mark;
    in_.expect("(");
    do {
      const std::string_view name = in_.accept("*") ? "*" : in_.identifier();
      if (mark.alias.empty()) mark.alias = name;
    } while (in_.accept("|"));
    mark.is_written = in_.accept("!");
    if (in_.accept("->")) {
      do {
        if (!in_.accept("*")) in_.identifier();
      } while (in_.accept("|"));
    }
    in_.expect(")");
    type.add_alias(mark);
  }

  Argument default_value(std::string_view type) {
    in_.skip_spaces();
    if (in_.accept("None")) return {};
    if (type.ends_with('?')) type.remove_suffix(1);
    if (!type.ends_with(']')) return scalar_default(type);
    return list_default(type);
  }

  // A list, or one value that stands for every element of a list of known length ("int[2] stride=1").
  Argument list_default(std::string_view type) {
    const std::size_t bracket = type.rfind('[');
    if (bracket == std::string_view::npos) in_.fail_here("a list type without its opening bracket");
    const std::string_view element = type.substr(0, bracket);
    const std::string_view length = type.substr(bracket + 1, type.size() - bracket - 2);
    if (in_.accept("[")) {
      Arguments items;
      if (!in_.accept("]")) {
        do {
          items.push_back(default_value(element));
        } while (in_.accept(","));
        in_.expect("]");
      }
      return {std::move(items)};
    }
    constexpr int64_t kMaxLength = 16;
    const int64_t count = length.empty() ? 1 : to_integer(length, in_);
    if (count < 0 || count > kMaxLength) in_.fail_here("no default is that long");
    return {Arguments(static_cast<std::size_t>(count), scalar_default(element))};
  }

  Argument scalar_default(std::string_view type) {
    in_.skip_spaces();
    if (in_.peek() == '"' || in_.peek() == '\'') {
      if (type == "Device") return {DeviceName{in_.quoted()}};
      return {in_.quoted()};
    }
    if (in_.at_number()) return number_default(type);
    return word_default(type, in_.identifier());
  }

  Argument number_default(std::string_view type) {
    const std::string_view digits = in_.number();
    const bool is_float = digits.find_first_not_of("+-0123456789") != std::string_view::npos;
    if (is_float || type == "float") return {to_double(digits, in_)};
    const int64_t value = to_integer(digits, in_);
    if (type == "MemoryFormat") return {MemoryFormat{std::string(pick(kMemoryFormats, value))}};
    if (type == "Layout") return {Layout{std::string(pick(kLayouts, value))}};
    if (type == "ScalarType") return {pick(kScalarTypes, value)};
    return {value};
  }

  template <typename Table>
  typename Table::value_type pick(const Table& table, int64_t index) const {
    if (index < 0 || index >= static_cast<int64_t>(table.size())) in_.fail_here("no such enumerator");
    return table[static_cast<std::size_t>(index)];
  }

  Argument word_default(std::string_view type, std::string_view word) const {
    if (word == "True" || word == "true") return {true};
    if (word == "False" || word == "false") return {false};
    if (word == "Mean") return {int64_t{1}};
    if (word == "Sum") return {int64_t{2}};
    if (type == "MemoryFormat") return {MemoryFormat{std::string(word)}};
    if (type == "Layout") return {Layout{std::string(word)}};
    if (type == "Device") return {DeviceName{std::string(word)}};
    if (type == "ScalarType") {
      if (word == "long") return {DType::Int64};
      if (word == "float") return {DType::Float32};
      if (word == "bool") return {DType::Bool};
    }
    in_.fail_here("unknown default value");
  }

  Scanner in_;
  int nesting_ = 0;
};

}  // namespace

bool Schema::mutates() const { return std::ranges::any_of(arguments, &SchemaArgument::is_written); }

bool Schema::is_view() const {
  return std::ranges::any_of(returns, [this](const SchemaReturn& returned) {
    return !returned.alias.empty() && std::ranges::any_of(arguments, [&](const SchemaArgument& argument) {
      return argument.alias == returned.alias && !argument.is_written;
    });
  });
}

Schema parse_schema(std::string_view text) { return SchemaParser(text).parse(); }

}  // namespace modelexport::program
