// Symbolic integers as torch.export records them: expression trees over named symbols with ranges.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace modelexport::program {

using ExprId = uint32_t;
inline constexpr ExprId kStatic = 0xffffffffU;

// A size that is a number (expr == kStatic) or an expression.
struct Dim {
  int64_t value = 0;  // the number; for an expression, the size seen during capture (0 when unknown)
  ExprId expr = kStatic;

  [[nodiscard]] bool is_static() const { return expr == kStatic; }
  // Same for every input. Expressions are interned, so equal ones have equal ids.
  friend bool operator==(const Dim& a, const Dim& b) {
    return a.expr == b.expr && (!a.is_static() || a.value == b.value);
  }
};

struct Range {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};

// `head` is the sympy class ("Symbol", "Integer", "Add", "Mul", "FloorDiv", "Mod", "Max", ...); a Rational has two
// Integers as arguments, and constants ("int_oo", "true") have none.
struct Expr {
  std::string head;
  std::string symbol;   // of a Symbol its name, of a Float its digits
  int64_t integer = 0;  // of an Integer
  std::vector<ExprId> args;
};

class SymbolTable {
 public:
  // Parses sympy's srepr form, e.g. "Mul(Integer(2), Symbol('s77', integer=True, positive=True))".
  // Throws Error naming the offset.
  ExprId parse(std::string_view srepr);
  // The id of an expression over ids of this table; equal expressions have equal ids. Throws Error when arithmetic
  // misses operands.
  ExprId intern(Expr expr);
  [[nodiscard]] const Expr& operator[](ExprId id) const { return exprs_[id]; }
  // As written into dim_param: "2*batch"; symbols under the names given by set_name.
  [[nodiscard]] std::string print(ExprId id) const;
  void set_name(const std::string& symbol, const std::string& name) { names_[symbol] = name; }
  void set_range(const std::string& symbol, Range range) { ranges_[symbol] = range; }
  [[nodiscard]] const std::map<std::string, Range>& ranges() const { return ranges_; }

 private:
  std::vector<Expr> exprs_;
  std::unordered_map<std::string, ExprId> interned_;  // by head, leaf and argument ids
  std::unordered_map<std::string, ExprId> parsed_;    // by text: the same sizes come again and again
  std::map<std::string, std::string> names_;
  std::map<std::string, Range> ranges_;
};

}  // namespace modelexport::program
