#include "program/scanner.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "support/error.h"

namespace modelexport::program {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace

bool is_identifier_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_'; }

void Scanner::skip_spaces() {
  while (peek() == ' ' || peek() == '\t' || peek() == '\n') ++offset_;
}

bool Scanner::accept(std::string_view token) {
  skip_spaces();
  if (!looking_at(token)) return false;
  offset_ += token.size();
  return true;
}

void Scanner::expect(std::string_view token) {
  if (!accept(token)) fail_here(fmt::format("expected \"{}\"", token));
}

std::string_view Scanner::identifier(std::string_view also) {
  skip_spaces();
  const std::size_t start = offset_;
  while (!at_end() && (is_identifier_char(peek()) || also.find(peek()) != std::string_view::npos)) ++offset_;
  if (offset_ == start) fail_here("expected a name");
  return text_.substr(start, offset_ - start);
}

bool Scanner::at_number() const {
  std::string_view rest = text_.substr(offset_);
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  return !rest.empty() && (is_digit(rest[0]) || rest[0] == '.' || rest.starts_with("inf") || rest.starts_with("nan"));
}

std::string_view Scanner::number() {
  skip_spaces();
  const std::size_t start = offset_;
  if (peek() == '-' || peek() == '+') ++offset_;
  if (looking_at("inf") || looking_at("nan")) {
    offset_ += 3;
    return text_.substr(start, offset_ - start);
  }
  const std::size_t digits = offset_;
  while (is_digit(peek()) || peek() == '.') ++offset_;
  if (offset_ == digits) fail_here("expected a number");
  if (peek() == 'e' || peek() == 'E') {
    ++offset_;
    if (peek() == '-' || peek() == '+') ++offset_;
    while (is_digit(peek())) ++offset_;
  }
  return text_.substr(start, offset_ - start);
}

std::string Scanner::quoted() {
  skip_spaces();
  const char quote = peek();
  if (quote != '"' && quote != '\'') fail_here("expected a quoted string");
  ++offset_;
  std::string result;
  while (peek() != quote || at_end()) {
    if (at_end()) fail_here("the string does not end");
    if (peek() == '\\' && offset_ + 1 < text_.size()) {
      ++offset_;
      result += unescaped(peek());
    } else {
      result += peek();
    }
    ++offset_;
  }
  ++offset_;
  return result;
}

void Scanner::fail_here(std::string_view message) const {
  constexpr std::size_t kShown = 200;
  const std::string_view shown = text_.substr(0, kShown);
  fail(fmt::format("{} at offset {} of the {} \"{}{}\"", message, offset_, what_, shown,
                   shown.size() < text_.size() ? "..." : ""));
}

int64_t to_integer(std::string_view digits, const Scanner& scanner) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    scanner.fail_here(fmt::format("\"{}\" is no 64-bit integer", digits));
  }
  return value;
}

double to_double(std::string_view digits, const Scanner& scanner) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    scanner.fail_here(fmt::format("\"{}\" is no number", digits));
  }
  return value;
}

}  // namespace modelexport::program
