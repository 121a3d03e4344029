#include "support/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "support/error.h"

namespace modelexport::json {
namespace {

std::string problem_of(const std::string& text) {
  try {
    static_cast<void>(parse(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Json, ReadsEveryKindOfValueInOrder) {
  const Value root = parse(R"({"z": [1, -2.5, true, null, "a\u00e9\n"], "a": {"big": 18446744073709551615}})");
  const Object& members = root.object();
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].first, "z");
  const Array& items = root.at("z").array();
  EXPECT_EQ(items[0].integer(), 1);
  EXPECT_EQ(items[0].number(), 1.0);
  EXPECT_EQ(items[1].number(), -2.5);
  EXPECT_TRUE(items[2].boolean());
  EXPECT_TRUE(items[3].is_null());
  EXPECT_EQ(items[4].string(), "a\xc3\xa9\n");
  EXPECT_EQ(root.at("a").at("big").number(), 18446744073709551616.0);
  EXPECT_EQ(root.find("missing"), nullptr);
}

TEST(Json, SaysWhatIsWrongAndWhere) {
  EXPECT_NE(problem_of("{\"a\": 1,}").find("byte 9"), std::string::npos) << problem_of("{\"a\": 1,}");
  EXPECT_NE(problem_of("").find("not JSON"), std::string::npos);
  EXPECT_NE(problem_of("\"\xff\"").find("not JSON"), std::string::npos);
  EXPECT_NE(problem_of("{\"a\": 1, \"a\": 2}").find("\"a\" twice"), std::string::npos);
  EXPECT_NE(problem_of(std::string(100000, '[')).find("nested more than"), std::string::npos);
  EXPECT_NE(problem_of("1e999").find("not JSON"), std::string::npos);
}

TEST(Json, WrongTypesAndMissingKeysAreNamed) {
  const Value root = parse(R"({"a": 1})");
  try {
    static_cast<void>(root.at("a").string());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "expected string, found int");
  }
  EXPECT_THROW(static_cast<void>(root.at("b")), Error);
}

TEST(JsonWriter, WhatItWritesReadsBack) {
  std::ostringstream out;
  Writer writer(out);
  writer.begin_object()
      .member("n", int64_t{-3})
      .member("x", 0.1)
      .member("inf", std::numeric_limits<double>::infinity());
  writer.key("list").value(std::vector<std::string>{"a\"b", "\x01", "bad\xff"});
  writer.key("line").begin_object(Layout::Line).member("a", true).key("b").begin_array().end_array().end_object();
  writer.key("empty").begin_object().end_object();
  writer.end_object();
  const Value root = parse(out.str());
  EXPECT_EQ(root.at("n").integer(), -3);
  EXPECT_EQ(root.at("x").number(), 0.1);
  EXPECT_TRUE(root.at("inf").is_null());
  EXPECT_EQ(root.at("list").array()[0].string(), "a\"b");
  EXPECT_EQ(root.at("list").array()[1].string(), "\x01");
  EXPECT_EQ(root.at("list").array()[2].string(), "bad\xef\xbf\xbd");
  EXPECT_NE(out.str().find("\n  \"line\": {\"a\": true, \"b\": []},\n"), std::string::npos) << out.str();
  EXPECT_TRUE(root.at("empty").object().empty());
}

}  // namespace
}  // namespace modelexport::json
