#include "program/symbols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.h"

namespace modelexport::program {
namespace {

constexpr const char* kS0 = "Symbol('s0', integer=True, positive=True)";

std::string printed(const std::string& srepr) {
  SymbolTable table;
  return table.print(table.parse(srepr));
}

TEST(Symbols, PrintAsSympyWritesThem) {
  const std::string s0 = kS0;
  EXPECT_EQ(printed(s0), "s0");
  EXPECT_EQ(printed("Add(Mul(Integer(2), " + s0 + "), Integer(-1))"), "2*s0 - 1");
  EXPECT_EQ(printed("Mul(Integer(-1), " + s0 + ")"), "-s0");
  EXPECT_EQ(printed("Mul(Integer(-2), Add(" + s0 + ", Integer(1)))"), "-2*(s0 + 1)");
  EXPECT_EQ(printed("FloorDiv(Add(" + s0 + ", Integer(2)), Integer(3))"), "(s0 + 2)//3");
  EXPECT_EQ(printed("Mul(Integer(3), FloorDiv(" + s0 + ", Integer(3)))"), "3*(s0//3)");
  EXPECT_EQ(printed("Pow(" + s0 + ", Integer(2))"), "s0**2");
  EXPECT_EQ(printed("Max(Integer(3), Min(" + s0 + ", Symbol('u1', integer=True)))"), "Max(3, Min(s0, u1))");
  EXPECT_EQ(printed("CeilToInt(IntTrueDiv(" + s0 + ", Integer(3)))"), "CeilToInt(IntTrueDiv(s0, 3))");
  EXPECT_EQ(printed("floor(Mul(Rational(1, 2), " + s0 + "))"), "floor((1/2)*s0)");
  EXPECT_EQ(printed("FloatPow(ToFloat(" + s0 + "), Float('0.5', precision=53))"), "FloatPow(ToFloat(s0), 0.5)");
  EXPECT_EQ(printed("Piecewise(ExprCondPair(" + s0 + ", StrictGreaterThan(" + s0 +
                    ", Integer(2))), "
                    "ExprCondPair(Integer(7), true))"),
            "Piecewise(ExprCondPair(s0, StrictGreaterThan(s0, 2)), ExprCondPair(7, true))");
  EXPECT_EQ(printed("-int_oo"), "-int_oo");
  EXPECT_EQ(printed("Mod(NegativeOne(), Half())"), "Mod(-1, 1/2)");
}

TEST(Symbols, EqualExpressionsHaveEqualIds) {
  SymbolTable table;
  const ExprId a = table.parse("Mul(Integer(2), Symbol('s0', integer=True, positive=True))");
  EXPECT_EQ(table.parse("Mul(Integer(2), Symbol('s0', integer=True))"), a);
  EXPECT_EQ(table.parse(" Mul( Integer(2) ,Symbol('s0'))"), a);
  EXPECT_NE(table.parse("Mul(Integer(3), Symbol('s0'))"), a);
}

TEST(Symbols, SymbolsPrintUnderTheirGivenNames) {
  SymbolTable table;
  const ExprId id = table.parse("Add(Symbol('s77', integer=True), Symbol('s0', integer=True))");
  table.set_name("s77", "batch");
  EXPECT_EQ(table.print(id), "batch + s0");
}

TEST(Symbols, WhatIsNoExpressionIsRefused) {
  SymbolTable table;
  for (const char* text :
       {"", "Add(", "Add(Integer(1)", "Integer(99999999999999999999999)", "Symbol('s0", "Symbol('')",
        "Add(Integer(1)) x", "Symbol('s0', positive)", "Integer('3', x)", "'s0'", "(", "Add(,)", "1.5", "Mul()",
        "Max()", "FloorDiv(Integer(1))", "Mod(Integer(1), Integer(2), Integer(3))", "Pow()"}) {
    EXPECT_THROW((void)table.parse(text), Error) << text;
  }
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "Add(";
  EXPECT_THROW((void)table.parse(deep), Error);
  EXPECT_THROW((void)table.parse(std::string(10000, '-')), Error);
}

}  // namespace
}  // namespace modelexport::program
