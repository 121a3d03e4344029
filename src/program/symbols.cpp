#include "program/symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "program/scanner.h"
#include "support/error.h"

namespace modelexport::program {

namespace {

// sympy's own expressions stay far below; a deeper text is no size.
constexpr int kMaxNesting = 200;

// What is computed from its operands must have them.
void check_operands(const Expr& expr) {
  constexpr std::array<std::string_view, 4> kOfAny = {"Add", "Mul", "Max", "Min"};
  constexpr std::array<std::string_view, 6> kOfTwo = {"FloorDiv", "CleanDiv", "Mod", "PythonMod", "Pow", "Rational"};
  if (std::ranges::find(kOfAny, expr.head) != kOfAny.end() && expr.args.empty()) {
    fail(fmt::format("symbolic expression: {} without operands", expr.head));
  }
  if (std::ranges::find(kOfTwo, expr.head) != kOfTwo.end() && expr.args.size() != 2) {
    fail(fmt::format("symbolic expression: {} of {} operands instead of two", expr.head, expr.args.size()));
  }
}

class SreprParser {
 public:
  SreprParser(std::string_view text, SymbolTable& table) : in_(text, "symbolic expression"), table_(table) {}

  ExprId parse() {
    const ExprId result = expression();
    in_.skip_spaces();
    if (!in_.at_end()) in_.fail_here("unexpected text");
    return result;
  }

 private:
  ExprId expression() {
    if (++nesting_ > kMaxNesting) in_.fail_here("expressions nested too deep");
    in_.skip_spaces();
    const ExprId result = in_.accept("-") ? negated() : in_.at_number() ? integer(in_.number()) : call();
    --nesting_;
    return result;
  }

  ExprId integer(std::string_view digits) {
    return table_.intern({.head = "Integer", .symbol = {}, .integer = to_integer(digits, in_), .args = {}});
  }

  // "-oo", "-int_oo"; a negative number may come as "-3".
  ExprId negated() {
    const ExprId minus_one = integer("-1");
    if (in_.at_number() && !in_.looking_at("inf")) return integer("-" + std::string(in_.number()));
    return table_.intern({.head = "Mul", .symbol = {}, .integer = 0, .args = {minus_one, expression()}});
  }

  ExprId call() {
    Expr expr{.head = std::string(in_.identifier(".")), .symbol = {}, .integer = 0, .args = {}};
    if (in_.accept("(") && !in_.accept(")")) {
      do {
        argument(expr);
      } while (in_.accept(","));
      in_.expect(")");
    }
    return table_.intern(canonical(std::move(expr)));
  }

  // A sub-expression, the name of a symbol, or an assumption ("positive=True"), which ranges express better.
  void argument(Expr& expr) {
    in_.skip_spaces();
    if (in_.peek() == '\'' || in_.peek() == '"') {
      expr.symbol = in_.quoted();
    } else if (expr.head == "Integer") {
      expr.integer = to_integer(in_.number(), in_);
    } else if (expr.head == "Symbol" || expr.head == "Dummy" || expr.head == "Float") {
      in_.identifier();
      in_.expect("=");
      in_.identifier();
    } else {
      expr.args.push_back(expression());
    }
  }

  // sympy has classes of their own for a few numbers.
  Expr canonical(Expr expr) {
    if (expr.head == "Dummy") expr.head = "Symbol";
    if (expr.head == "Symbol" && expr.symbol.empty()) in_.fail_here("a symbol without a name");
    constexpr std::array<std::pair<std::string_view, int64_t>, 3> kIntegers = {
        {{"NegativeOne", -1}, {"Zero", 0}, {"One", 1}}};
    for (const auto& [head, value] : kIntegers) {
      if (expr.head == head) return {.head = "Integer", .symbol = {}, .integer = value, .args = {}};
    }
    if (expr.head == "Half")
      return {.head = "Rational", .symbol = {}, .integer = 0, .args = {integer("1"), integer("2")}};
    return expr;
  }

  Scanner in_;
  SymbolTable& table_;
  int nesting_ = 0;
};

class Printer {
 public:
  Printer(const SymbolTable& table, const std::map<std::string, std::string>& names) : table_(table), names_(names) {}

  std::string print(ExprId id) const { return print(table_[id]); }

 private:
  std::string print(const Expr& expr) const {
    if (expr.head == "Integer") return std::to_string(expr.integer);
    if (expr.head == "Float") return expr.symbol;
    if (expr.head == "Symbol") {
      const auto name = names_.find(expr.symbol);
      return name == names_.end() ? expr.symbol : name->second;
    }
    if (expr.head == "Add") return sum(expr);
    if (expr.head == "Mul") return product(expr);
    if (expr.head == "FloorDiv" && expr.args.size() == 2) return infix(expr, "//");
    if (expr.head == "Pow" && expr.args.size() == 2) return infix(expr, "**");
    if (expr.head == "Rational" && expr.args.size() == 2) return infix(expr, "/");
    return function(expr);
  }

  std::string sum(const Expr& expr) const {
    std::string result;
    for (const ExprId id : expr.args) {
      const std::string term = print(id);
      if (result.empty()) {
        result = term;
      } else if (term.starts_with('-')) {
        result += " - " + term.substr(1);
      } else {
        result += " + " + term;
      }
    }
    return result;
  }

  std::string product(const Expr& expr) const {
    std::string result;
    for (std::size_t i = 0; i < expr.args.size(); ++i) {
      const ExprId id = expr.args[i];
      if (i == 0 && expr.args.size() > 1 && is_integer(id, -1)) {
        result = "-";
        continue;
      }
      if (!result.empty() && result != "-") result += "*";
      result += factor(id, i == 0);
    }
    return result;
  }

  std::string infix(const Expr& expr, std::string_view sign) const {
    return fmt::format("{}{}{}", factor(expr.args[0]), sign, factor(expr.args[1]));
  }

  std::string function(const Expr& expr) const {
    std::string result = expr.head;
    if (expr.args.empty() && expr.symbol.empty()) return result;
    result += '(' + expr.symbol;
    std::string_view comma = "";
    for (const ExprId id : expr.args) {
      result += comma;
      result += print(id);
      comma = ", ";
    }
    result += ')';
    return result;
  }

  // In parentheses where a sign, an infix operator or a fraction would bind wrongly.
  std::string factor(ExprId id, bool may_have_sign = false) const {
    const Expr& expr = table_[id];
    const bool is_infix = expr.head == "Add" || expr.head == "Mul" || expr.head == "FloorDiv" || expr.head == "Pow" ||
                          expr.head == "Rational";
    const bool is_negative = expr.head == "Integer" && expr.integer < 0 && !may_have_sign;
    return is_infix || is_negative ? "(" + print(expr) + ")" : print(expr);
  }

  bool is_integer(ExprId id, int64_t value) const {
    return table_[id].head == "Integer" && table_[id].integer == value;
  }

  const SymbolTable& table_;
  const std::map<std::string, std::string>& names_;
};

}  // namespace

ExprId SymbolTable::parse(std::string_view srepr) {
  const auto known = parsed_.find(std::string(srepr));
  if (known != parsed_.end()) return known->second;
  const ExprId id = SreprParser(srepr, *this).parse();
  parsed_.emplace(srepr, id);
  return id;
}

ExprId SymbolTable::intern(Expr expr) {
  check_operands(expr);
  std::string key = fmt::format("{} {} {}", expr.head, expr.symbol, expr.integer);
  for (const ExprId id : expr.args) key += " " + std::to_string(id);
  const auto [found, is_new] = interned_.try_emplace(std::move(key), static_cast<ExprId>(exprs_.size()));
  if (is_new) exprs_.push_back(std::move(expr));
  return found->second;
}

std::string SymbolTable::print(ExprId id) const { return Printer(*this, names_).print(id); }

}  // namespace modelexport::program
