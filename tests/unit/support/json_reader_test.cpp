#include "support/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/error.h"
#include "support/json.h"
#include "support/utf8.h"

namespace modelexport::json {
namespace {

using testing::HasSubstr;

// The same value, through the reader that holds everything.
std::string rebuilt(Reader& in) {
  std::string out;
  switch (in.peek()) {
    case '{':
      in.object([&](std::string_view key) {
        out += quote(key) + ":";
        out += rebuilt(in) + ",";
      });
      return "{" + out + "}";
    case '[':
      in.array([&] { out += rebuilt(in) + ","; });
      return "[" + out + "]";
    case '"':
      return quote(in.string());
    case '-':
      return std::to_string(in.number());
    case 'n':
      in.null();
      return "null";
    default:
      return in.boolean() ? "true" : "false";
  }
}

std::string rebuilt(const Value& value) {
  std::string out;
  if (const auto* object = std::get_if<Object>(&value.data)) {
    for (const auto& [key, member] : *object) out += quote(key) + ":" + rebuilt(member) + ",";
    return "{" + out + "}";
  }
  if (const auto* array = std::get_if<Array>(&value.data)) {
    for (const Value& item : *array) out += rebuilt(item) + ",";
    return "[" + out + "]";
  }
  if (std::holds_alternative<std::string>(value.data)) return quote(value.string());
  if (value.is_null()) return "null";
  if (std::holds_alternative<bool>(value.data)) return value.boolean() ? "true" : "false";
  return std::to_string(value.number());
}

TEST(JsonReader, ReadsWhatTheLibraryReads) {
  for (const char* text :
       {R"({"a": [1, -2.5e3, true, null, false], "b\u00e9\n": {"c": "x\\\"\ud83d\ude00\/"}, "": []})", "[]", "{}",
        " [ [ ] , { } ] ", "\"\"", "12", "[\"\\\\\", \"\\\\\\\"\"]"}) {
    Reader in(text);
    EXPECT_EQ(rebuilt(in), rebuilt(parse(text))) << text;
    in.expect_end();
  }
}

TEST(JsonReader, SkipsToTheNextValue) {
  for (const char* value : {R"({"a": ["}", "\\\"]", {}]})", R"("a\\")", "-1.5", "true", "null", "[[[]]]"}) {
    const std::string text = std::string("[") + value + ", 7]";
    Reader in(text);
    std::vector<std::string> seen;
    in.array([&] { seen.emplace_back(in.skip()); });
    EXPECT_EQ(seen, (std::vector<std::string>{value, "7"}));
  }
}

TEST(JsonReader, ReadsASkippedValueLater) {
  const std::string text = R"({"late": [1, 2], "early": "x"})";
  Reader in(text);
  std::string_view late;
  in.object([&](std::string_view key) {
    if (key == "late") {
      late = in.skip();
    } else {
      EXPECT_EQ(in.string(), "x");
    }
  });
  Reader again = in.of(late);
  int64_t sum = 0;
  again.array([&] { sum += again.integer(); });
  EXPECT_EQ(sum, 3);
  try {
    Reader wrong = in.of(late);
    (void)wrong.string();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("expected a string, found an array at byte 9"));
  }
}

TEST(JsonReader, NumbersThatJsonLacks) {
  Reader in(R"(["Infinity", "-Infinity", "NaN", 9007199254740993])");
  std::vector<double> numbers;
  int64_t whole = 0;
  in.array([&] {
    if (numbers.size() < 3) {
      numbers.push_back(in.number());
    } else {
      whole = in.integer();
    }
  });
  EXPECT_TRUE(std::isinf(numbers[0]) && numbers[0] > 0 && std::isinf(numbers[1]) && numbers[1] < 0);
  EXPECT_TRUE(std::isnan(numbers[2]));
  EXPECT_EQ(whole, 9007199254740993);
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const char* text : {"",       "{",       "[",         "[1",          "[1,",
                           "{\"a\"", "{\"a\":", "{\"a\":1",  "{a:1}",       "[1 2]",
                           "\"abc",  "\"\\q\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
                           "tru",    "nul",     "1x",        "--1",         "[}",
                           "{]",     "1 1",     "@"}) {
    EXPECT_THROW(
        {
          Reader in(text);
          (void)rebuilt(in);
          in.expect_end();
        },
        Error)
        << text;
  }
  const std::string deep(10000, '[');
  EXPECT_THROW(
      {
        Reader in(deep);
        (void)rebuilt(in);
      },
      Error);
  Reader in(deep);
  EXPECT_THROW((void)in.skip(), Error);
}

TEST(Utf8, FindsTheFirstByteThatIsNone) {
  EXPECT_EQ(find_invalid_utf8("plain text, long enough for words"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("12345678901\xff"), 11U);
  EXPECT_EQ(find_invalid_utf8("ab\xc0\xaf"), 2U);
  EXPECT_EQ(find_invalid_utf8("\xed\xa0\x80"), 0U);
  std::string out;
  for (const uint32_t code : {0x41U, 0xe9U, 0x20acU, 0x1f600U}) append_utf8(out, code);
  EXPECT_EQ(out, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

}  // namespace
}  // namespace modelexport::json
