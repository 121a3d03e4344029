// JSON, read into plain structs and written as a stream. The only door to the JSON library.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace modelexport::json {

struct Value;
using Array = std::vector<Value>;
using Object = std::vector<std::pair<std::string, Value>>;  // in the order of the text

struct Value {
  // An integer beyond int64 is a double.
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> data = nullptr;

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
  // "null", "bool", "int", "float", "string", "array" or "object".
  [[nodiscard]] std::string_view type_name() const;

  // Each throws Error naming the type that is there instead.
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] int64_t integer() const;
  [[nodiscard]] double number() const;  // an integer too
  [[nodiscard]] const std::string& string() const;
  [[nodiscard]] const Array& array() const;
  [[nodiscard]] const Object& object() const;

  // The member of an object: null when it is missing (or this is no object); at() throws Error naming the key.
  // Looks through all members: iterate over object() to read large ones.
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const Value& at(std::string_view key) const;
};

// Throws Error naming the byte offset. A key twice in one object, and nesting deeper than 200, are errors too.
[[nodiscard]] Value parse(std::string_view text);

// Writes one value after the other, indented, and passes the text on in pieces. What is begun with `Layout::Line` stays
// on one line. The text is complete when the outermost object or array has ended.
enum class Layout : uint8_t { Indented, Line };
class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}

  Writer& begin_object(Layout layout = Layout::Indented) { return begin('{', layout); }
  Writer& end_object() { return end('}'); }
  Writer& begin_array(Layout layout = Layout::Indented) { return begin('[', layout); }
  Writer& end_array() { return end(']'); }
  Writer& key(std::string_view name);

  // Bytes that are not UTF-8 become U+FFFD; infinities and NaN become null.
  Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  Writer& value(const std::string& text) { return value(std::string_view(text)); }
  Writer& value(bool flag) { return raw(flag ? "true" : "false"); }
  Writer& value(int64_t number) { return raw(std::to_string(number)); }
  Writer& value(uint64_t number) { return raw(std::to_string(number)); }
  Writer& value(uint32_t number) { return raw(std::to_string(number)); }
  Writer& value(int number) { return raw(std::to_string(number)); }
  Writer& value(double number);
  Writer& null() { return raw("null"); }
  Writer& value(const Value& content);
  // ["a", "b"] on one line.
  Writer& value(const std::vector<std::string>& texts);

  template <typename T>
  Writer& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

 private:
  struct Level {
    bool is_line = false;
    bool is_empty = true;
  };
  Writer& begin(char bracket, Layout layout);
  Writer& end(char bracket);
  Writer& raw(std::string_view text);
  void separate();
  void new_line();
  void flush();

  std::ostream& out_;
  std::string buffer_;  // what has not gone out yet
  std::vector<Level> levels_;
  bool after_key_ = false;
};

// "text" with quotes and escapes.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace modelexport::json
