// Reads JSON as a stream, straight from the text: for files of which most is skipped and which are too large to hold
// a second time. (support/json.h reads small ones into values.)
//
//   in.object([&](std::string_view key) {
//     if (key == "name") name = in.string();
//     else in.skip();
//   });
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelexport::json {

class Reader {
 public:
  // The text must outlive the reader. Every failure is an Error that names the byte.
  explicit Reader(std::string_view text) : text_(text) {}

  // A reader of one value of the text, which skip() gave; offsets count from the start of the whole text.
  [[nodiscard]] Reader of(std::string_view value) const;

  // What the next value is; the character that begins it: '{', '[', '"', 't', 'f', 'n', or '-' for any number.
  char peek();

  // Calls member(key) for each; it must read (or skip) the value. A key holds until the next read.
  template <typename Member>
  void object(const Member& member) {
    open('{');
    if (!close_first('}')) {
      do {
        member(key());
      } while (more('}'));
    }
    --depth_;
  }
  // Calls element() for each; it must read (or skip) the value.
  template <typename Element>
  void array(const Element& element) {
    open('[');
    if (!close_first(']')) {
      do {
        element();
      } while (more(']'));
    }
    --depth_;
  }

  // Holds until the next read.
  std::string_view string();
  int64_t integer();
  // An integer too, and the strings "Infinity", "-Infinity" and "NaN", which JSON has no numbers for.
  double number();
  bool boolean();
  void null();
  // Whether there is a null, which is then read.
  bool accept_null();
  // The text of the value. Only its brackets and strings are looked at.
  std::string_view skip();
  // After the value of the whole text.
  void expect_end();

  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[noreturn]] void fail_here(std::string_view message) const;

 private:
  void skip_spaces();
  void literal(std::string_view word);
  std::string_view number_text();
  void open(char bracket);
  bool close_first(char bracket);
  bool more(char bracket);
  std::string_view key();
  void skip_string();
  void skip_brackets();
  std::string_view unescaped(std::size_t start);
  void escape();
  uint32_t hex4();

  std::string_view text_;
  std::size_t offset_ = 0;
  int depth_ = 0;
  std::string scratch_;  // of the last string that had escapes
};

}  // namespace modelexport::json
