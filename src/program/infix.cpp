#include "program/infix.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace modelexport::program {

namespace {

constexpr int kMaxNesting = 100;

class InfixParser {
 public:
  InfixParser(Scanner& in, SymbolTable& table) : in_(in), table_(table) {}

  ExprId sum() {
    if (++nesting_ > kMaxNesting) in_.fail_here("expressions nested too deep");
    std::vector<ExprId> terms = {product()};
    while (true) {
      if (in_.accept("+")) {
        terms.push_back(product());
      } else if (in_.accept("-")) {
        terms.push_back(negated(product()));
      } else {
        break;
      }
    }
    --nesting_;
    return terms.size() == 1 ? terms[0] : make("Add", std::move(terms));
  }

 private:
  ExprId product() {
    ExprId left = power();
    while (true) {
      if (in_.accept("//")) {
        left = make("FloorDiv", {left, power()});
      } else if (in_.accept("/")) {
        left = make("Rational", {left, power()});
      } else if (in_.accept("*")) {
        left = multiplied(left, power());
      } else {
        return left;
      }
    }
  }

  ExprId power() {
    const ExprId base = unary();
    return in_.accept("**") ? make("Pow", {base, unary()}) : base;
  }

  ExprId unary() {
    if (in_.accept("-")) return negated(atom());
    return atom();
  }

  ExprId atom() {
    if (in_.accept("(")) {
      const ExprId inner = sum();
      in_.expect(")");
      return inner;
    }
    in_.skip_spaces();
    if (in_.peek() >= '0' && in_.peek() <= '9') return number(in_.number());
    const std::string name(in_.identifier());
    if (!in_.accept("(")) return symbol(name);
    std::vector<ExprId> args;
    if (!in_.accept(")")) {
      do {
        args.push_back(sum());
      } while (in_.accept(","));
      in_.expect(")");
    }
    return make(name, std::move(args));
  }

  ExprId number(std::string_view digits) {
    if (digits.find_first_of(".e") == std::string_view::npos) return integer(to_integer(digits, in_));
    return table_.intern({.head = "Float", .symbol = std::string(digits), .integer = 0, .args = {}});
  }

  ExprId symbol(const std::string& name) {
    constexpr std::array<std::string_view, 5> kConstants = {"int_oo", "oo", "true", "false", "nan"};
    if (std::ranges::find(kConstants, name) != kConstants.end()) return make(name, {});
    return table_.intern({.head = "Symbol", .symbol = name, .integer = 0, .args = {}});
  }

  // As sympy has it: a negative coefficient comes first in a flat product.
  ExprId negated(ExprId id) {
    const Expr expr = table_[id];
    if (expr.head == "Integer") return integer(-expr.integer);
    if (expr.head == "Mul" && table_[expr.args[0]].head == "Integer") {
      std::vector<ExprId> factors = expr.args;
      factors[0] = negated(factors[0]);
      return make("Mul", std::move(factors));
    }
    return multiplied(integer(-1), id);
  }

  ExprId multiplied(ExprId left, ExprId right) {
    std::vector<ExprId> factors;
    for (const ExprId id : {left, right}) {
      const Expr& expr = table_[id];
      if (expr.head == "Mul" && id == left) {
        factors.insert(factors.end(), expr.args.begin(), expr.args.end());
      } else {
        factors.push_back(id);
      }
    }
    return make("Mul", std::move(factors));
  }

  ExprId integer(int64_t value) {
    return table_.intern({.head = "Integer", .symbol = {}, .integer = value, .args = {}});
  }
  ExprId make(std::string head, std::vector<ExprId> args) {
    return table_.intern({.head = std::move(head), .symbol = {}, .integer = 0, .args = std::move(args)});
  }

  Scanner& in_;
  SymbolTable& table_;
  int nesting_ = 0;
};

}  // namespace

ExprId parse_infix(Scanner& in, SymbolTable& table) { return InfixParser(in, table).sum(); }

}  // namespace modelexport::program
