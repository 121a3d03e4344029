#include "program/aten_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program/program.h"
#include "support/error.h"

namespace modelexport::program {
namespace {

using testing::HasSubstr;

TEST(Schema, NamesTypesAliasesAndDefaults) {
  const Schema schema =
      parse_schema("aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)");
  EXPECT_EQ(schema.name, "aten::add_.Tensor");
  ASSERT_EQ(schema.arguments.size(), 3U);
  EXPECT_EQ(schema.arguments[0].type, "Tensor");
  EXPECT_EQ(schema.arguments[0].alias, "a");
  EXPECT_TRUE(schema.arguments[0].is_written);
  EXPECT_FALSE(schema.arguments[1].keyword_only);
  EXPECT_EQ(schema.arguments[1].default_value, nullptr);
  EXPECT_TRUE(schema.arguments[2].keyword_only);
  EXPECT_EQ(*schema.arguments[2].default_value->as<int64_t>(), 1);
  ASSERT_EQ(schema.returns.size(), 1U);
  EXPECT_TRUE(schema.returns[0].is_written);
  EXPECT_TRUE(schema.mutates());
  EXPECT_FALSE(schema.is_view());
}

TEST(Schema, ViewsShareMemoryWithAnArgumentThatIsNotWritten) {
  EXPECT_TRUE(parse_schema("aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)").is_view());
  EXPECT_TRUE(
      parse_schema("aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]").is_view());
  EXPECT_FALSE(parse_schema("aten::relu(Tensor self) -> Tensor").is_view());
}

const Argument& default_of(const Schema& schema, std::size_t index) { return *schema.arguments[index].default_value; }

TEST(Schema, DefaultsHaveTheTypeOfTheirArgument) {
  const Schema schema = parse_schema(
      "x::y(float a=1, int[2] b=1, int[2] c=[1, 2], str d=\"mean\", bool e=True, Tensor? f=None, "
      "MemoryFormat g=1, ScalarType h=6, int i=Mean, float[]? j=None, float k=1.0000000000000001e-05, int[] l=[], "
      "Scalar m=2.5, MemoryFormat? n=contiguous_format, str o='a\\'b', float p=-inf) -> ()");
  EXPECT_EQ(*default_of(schema, 0).as<double>(), 1.0);
  EXPECT_EQ(default_of(schema, 1).as<Arguments>()->size(), 2U);
  EXPECT_EQ(*default_of(schema, 2).as<Arguments>()->at(1).as<int64_t>(), 2);
  EXPECT_EQ(*default_of(schema, 3).as<std::string>(), "mean");
  EXPECT_EQ(*default_of(schema, 4).as<bool>(), true);
  EXPECT_TRUE(default_of(schema, 5).is_none());
  EXPECT_EQ(default_of(schema, 6).as<MemoryFormat>()->name, "preserve_format");
  EXPECT_EQ(*default_of(schema, 7).as<DType>(), DType::Float32);
  EXPECT_EQ(*default_of(schema, 8).as<int64_t>(), 1);
  EXPECT_TRUE(default_of(schema, 9).is_none());
  EXPECT_EQ(*default_of(schema, 10).as<double>(), 1e-5);
  EXPECT_TRUE(default_of(schema, 11).as<Arguments>()->empty());
  EXPECT_EQ(*default_of(schema, 12).as<double>(), 2.5);
  EXPECT_EQ(default_of(schema, 13).as<MemoryFormat>()->name, "contiguous_format");
  EXPECT_EQ(*default_of(schema, 14).as<std::string>(), "a'b");
  EXPECT_LT(*default_of(schema, 15).as<double>(), -1e308);
  EXPECT_TRUE(schema.returns.empty());
}

TEST(Schema, TypesKeepTheirFormWithoutMarks) {
  const Schema schema = parse_schema(
      "aten::_set_item.str(Dict(str, t)(a!) l, str(b -> *) idx, (int, t)[] c, Tensor(d!)[] out, SymInt[1]? e, "
      "__torch__.torch.classes.quantized.Conv2dPackedParamsBase f) -> (Tensor values, t(*)? x)");
  const std::vector<std::string> types = {"Dict(str, t)", "str",
                                          "(int, t)[]",   "Tensor[]",
                                          "SymInt[1]?",   "__torch__.torch.classes.quantized.Conv2dPackedParamsBase"};
  for (std::size_t i = 0; i < types.size(); ++i) EXPECT_EQ(schema.arguments[i].type, types[i]);
  EXPECT_EQ(schema.returns[1].type, "t?");
  EXPECT_EQ(schema.returns[1].alias, "*");
}

TEST(Schema, WhatIsNoSchemaIsRefusedWithThePlace) {
  for (const char* text :
       {"", "aten::add", "aten::add(", "aten::add(Tensor", "aten::add(Tensor self", "aten::add(Tensor)",
        "aten::add(Tensor self) -> ", "aten::add(Tensor self) -> Tensor x y", "a(int x=) -> ()", "a(str x=\"abc) -> ()",
        "a(int x=99999999999999999999) -> ()", "a(int[999] x=1) -> ()", "a(MemoryFormat x=77) -> ()",
        "a(int x=Nonsense) -> ()", "a(int[ x) -> ()", "a(Tensor(a x) -> ()", "a(int x=[1]) -> ()",
        "a(int x=1.2.3) -> ()", "a(int] x=[1) -> ()"}) {
    try {
      (void)parse_schema(text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("offset"));
    }
  }
  EXPECT_THROW((void)parse_schema("a(" + std::string(10000, '(')), Error);
  EXPECT_THROW((void)parse_schema("a(int x=" + std::string(10000, '[')), Error);
}

}  // namespace
}  // namespace modelexport::program
