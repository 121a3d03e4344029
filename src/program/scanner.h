// A cursor over text, for the hand-written parsers of this folder. Every failure names the offset.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelexport::program {

class Scanner {
 public:
  // `what` names the kind of text in errors: "schema", "symbolic expression".
  Scanner(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  [[nodiscard]] bool at_end() const { return offset_ == text_.size(); }
  // '\0' at the end.
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[offset_]; }
  [[nodiscard]] bool looking_at(std::string_view token) const { return text_.substr(offset_).starts_with(token); }
  void skip_spaces();
  // Skips spaces, then `token` when it is next.
  bool accept(std::string_view token);
  void expect(std::string_view token);
  // Skips spaces, then takes [A-Za-z0-9_] and the characters of `also`; fails when there is none.
  std::string_view identifier(std::string_view also = {});
  [[nodiscard]] bool at_number() const;
  // [+-]digits, with '.', exponent; also "inf" and "nan" after the sign.
  std::string_view number();
  // A Python or C string literal in either quote.
  std::string quoted();

  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[noreturn]] void fail_here(std::string_view message) const;

 private:
  std::string_view text_;
  std::string_view what_;
  std::size_t offset_ = 0;
};

[[nodiscard]] bool is_identifier_char(char c);
// The number as written, without loss; fails (through `scanner`) when it does not fit.
[[nodiscard]] int64_t to_integer(std::string_view digits, const Scanner& scanner);
[[nodiscard]] double to_double(std::string_view digits, const Scanner& scanner);

}  // namespace modelexport::program
