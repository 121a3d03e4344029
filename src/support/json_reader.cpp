#include "support/json_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <system_error>

#include "support/error.h"
#include "support/utf8.h"

namespace modelexport::json {

namespace {

constexpr int kMaxDepth = 200;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// As a reader of people would name it.
std::string_view type_name(char first) {
  switch (first) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a bool";
    case 'n':
      return "null";
    case '\0':
      return "the end";
    default:
      return "a number";
  }
}

}  // namespace

Reader Reader::of(std::string_view value) const {
  const auto start = static_cast<std::size_t>(value.data() - text_.data());
  Reader result(text_.substr(0, start + value.size()));
  result.offset_ = start;
  result.depth_ = depth_;
  return result;
}

void Reader::fail_here(std::string_view message) const { fail(fmt::format("{} at byte {}", message, offset_)); }

void Reader::skip_spaces() {
  while (offset_ < text_.size() && is_space(text_[offset_])) ++offset_;
}

char Reader::peek() {
  skip_spaces();
  if (offset_ == text_.size()) return '\0';
  switch (const char c = text_[offset_]) {
    case '{':
    case '[':
    case '"':
    case 't':
    case 'f':
    case 'n':
      return c;
    default:
      if (!is_number_char(c)) fail_here("no JSON value");
      return '-';
  }
}

void Reader::open(char bracket) {
  const char found = peek();
  if (found != bracket) fail_here(fmt::format("expected {}, found {}", type_name(bracket), type_name(found)));
  if (++depth_ > kMaxDepth) fail_here(fmt::format("nested more than {} deep", kMaxDepth));
  ++offset_;
}

bool Reader::close_first(char bracket) {
  skip_spaces();
  if (offset_ == text_.size() || text_[offset_] != bracket) return false;
  ++offset_;
  return true;
}

bool Reader::more(char bracket) {
  skip_spaces();
  const char c = offset_ < text_.size() ? text_[offset_] : '\0';
  if (c != ',' && c != bracket) fail_here(fmt::format("expected ',' or '{}'", bracket));
  ++offset_;
  return c == ',';
}

std::string_view Reader::key() {
  const std::string_view result = string();
  skip_spaces();
  if (offset_ == text_.size() || text_[offset_] != ':') fail_here("expected ':'");
  ++offset_;
  return result;
}

std::string_view Reader::string() {
  const char found = peek();
  if (found != '"') fail_here(fmt::format("expected a string, found {}", type_name(found)));
  const std::size_t start = ++offset_;
  while (offset_ < text_.size() && text_[offset_] != '"' && text_[offset_] != '\\') ++offset_;
  if (offset_ == text_.size()) fail_here("the string does not end");
  if (text_[offset_] == '\\') return unescaped(start);
  return text_.substr(start, offset_++ - start);
}

std::string_view Reader::unescaped(std::size_t start) {
  scratch_.assign(text_.substr(start, offset_ - start));
  while (offset_ < text_.size() && text_[offset_] != '"') {
    if (text_[offset_] == '\\') {
      escape();
    } else {
      scratch_ += text_[offset_++];
    }
  }
  if (offset_ == text_.size()) fail_here("the string does not end");
  ++offset_;
  return scratch_;
}

void Reader::escape() {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  ++offset_;
  const char c = offset_ < text_.size() ? text_[offset_] : '\0';
  if (c == 'u') {
    ++offset_;
    uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(offset_).starts_with("\\u")) {
      offset_ += 2;
      const uint32_t low = hex4();
      code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00) : 0xd800;
    }
    if (code >= 0xd800 && code < 0xe000) fail_here("half a surrogate pair");
    append_utf8(scratch_, code);
    return;
  }
  const std::size_t which = kEscapes.find(c);
  if (which == std::string_view::npos) fail_here("unknown escape");
  scratch_ += kMeanings[which];
  ++offset_;
}

uint32_t Reader::hex4() {
  uint32_t value = 0;
  const std::string_view digits = text_.substr(offset_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || digits.size() < 4 || end != digits.data() + 4) fail_here("expected four hex digits");
  offset_ += 4;
  return value;
}

std::string_view Reader::number_text() {
  const char found = peek();
  if (found != '-') fail_here(fmt::format("expected a number, found {}", type_name(found)));
  const std::size_t start = offset_;
  while (offset_ < text_.size() && is_number_char(text_[offset_])) ++offset_;
  return text_.substr(start, offset_ - start);
}

int64_t Reader::integer() {
  const std::string_view digits = number_text();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  offset_ -= digits.size();
  fail_here(fmt::format("{} is no 64-bit integer", digits));
}

double Reader::number() {
  if (peek() == '"') {
    const std::string_view word = string();
    if (word == "Infinity") return std::numeric_limits<double>::infinity();
    if (word == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
    fail_here("expected a number, found a string");
  }
  const std::string_view digits = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  offset_ -= digits.size();
  fail_here(fmt::format("{} is no number", digits));
}

void Reader::literal(std::string_view word) {
  if (!text_.substr(offset_).starts_with(word)) fail_here(fmt::format("expected {}", word));
  offset_ += word.size();
}

bool Reader::boolean() {
  const char found = peek();
  if (found != 't' && found != 'f') fail_here(fmt::format("expected a bool, found {}", type_name(found)));
  literal(found == 't' ? "true" : "false");
  return found == 't';
}

void Reader::null() {
  const char found = peek();
  if (found != 'n') fail_here(fmt::format("expected null, found {}", type_name(found)));
  literal("null");
}

bool Reader::accept_null() {
  if (peek() != 'n') return false;
  null();
  return true;
}

void Reader::skip_string() {
  const std::size_t start = ++offset_;
  while (true) {
    const std::size_t quote = text_.find('"', offset_);
    if (quote == std::string_view::npos) fail_here("the string does not end");
    offset_ = quote + 1;
    // The quote ends the string unless an odd number of backslashes stands before it.
    std::size_t backslashes = 0;
    while (quote - backslashes > start && text_[quote - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return;
  }
}

std::string_view Reader::skip() {
  const char first = peek();
  const std::size_t start = offset_;
  if (first == '{' || first == '[') {
    skip_brackets();
  } else if (first == '"') {
    skip_string();
  } else if (first == '-') {
    number_text();
  } else {
    literal(first == 't' ? "true" : first == 'f' ? "false" : "null");
  }
  return text_.substr(start, offset_ - start);
}

void Reader::skip_brackets() {
  std::size_t open = 0;
  do {
    if (offset_ == text_.size()) fail_here("the text ends inside of brackets");
    const char c = text_[offset_];
    if (c == '"') {
      skip_string();
      continue;
    }
    if (c == '{' || c == '[') ++open;
    if (c == '}' || c == ']') --open;
    ++offset_;
  } while (open > 0);
}

void Reader::expect_end() {
  skip_spaces();
  if (offset_ != text_.size()) fail_here("unexpected text");
}

}  // namespace modelexport::json
