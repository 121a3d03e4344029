#include "support/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <unordered_set>

#include "support/error.h"
#include "support/utf8.h"

namespace modelexport::json {
namespace {

constexpr std::size_t kMaxDepth = 200;
constexpr std::size_t kBufferSize = 64 << 10;

// Builds our values from the library's events, which come without recursion.
class Events : public nlohmann::json_sax<nlohmann::json> {
 public:
  Value take() { return std::move(root_); }
  // Set when the events stopped; the library gives the offset only for its own complaints.
  std::string problem;

  bool null() override { return add(Value{nullptr}); }
  bool boolean(bool flag) override { return add(Value{flag}); }
  bool number_integer(int64_t number) override { return add(Value{number}); }
  bool number_unsigned(uint64_t number) override {
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return add(Value{static_cast<double>(number)});
    }
    return add(Value{static_cast<int64_t>(number)});
  }
  bool number_float(double number, const std::string&) override { return add(Value{number}); }
  bool string(std::string& text) override { return add(Value{std::move(text)}); }
  bool binary(nlohmann::json::binary_t&) override { return stop("binary data"); }

  bool start_object(std::size_t) override { return open(Value{Object{}}); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Value{Array{}}); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!open_.back().keys.insert(name).second) return stop(fmt::format("the key {} twice in one object", quote(name)));
    std::get<Object>(open_.back().value->data).emplace_back(std::move(name), Value{});
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...": keep what follows.
    std::string_view text = error.what();
    if (const std::size_t colon = text.find(": "); colon != std::string_view::npos) text.remove_prefix(colon + 2);
    return stop(fmt::format("not JSON at byte {}: {}", position, text));
  }

 private:
  struct Open {
    Value* value;
    std::unordered_set<std::string> keys;  // of an object
  };

  // Where the next value goes: the root, a new array element, or the member whose key came last.
  Value* place() {
    if (open_.empty()) return &root_;
    Value& parent = *open_.back().value;
    if (auto* array = std::get_if<Array>(&parent.data)) return &array->emplace_back();
    return &std::get<Object>(parent.data).back().second;
  }
  bool add(Value value) {
    *place() = std::move(value);
    return true;
  }
  bool open(Value value) {
    if (open_.size() >= kMaxDepth) return stop(fmt::format("nested more than {} deep", kMaxDepth));
    Value* at = place();
    *at = std::move(value);
    // Stays valid: the parent grows only after this one is closed.
    open_.push_back({at, {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }

  Value root_;
  std::vector<Open> open_;
};

template <typename T>
const T& get(const Value& value, std::string_view wanted) {
  const T* data = std::get_if<T>(&value.data);
  if (data == nullptr) fail(fmt::format("expected {}, found {}", wanted, value.type_name()));
  return *data;
}

// Stands in a JSON string as it is.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = utf8_length(text);
    if (length == 1) {
      append_escaped(out, text.front());
    } else if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace

std::string_view Value::type_name() const {
  static constexpr std::string_view kNames[] = {"null", "bool", "int", "float", "string", "array", "object"};
  return kNames[data.index()];
}

bool Value::boolean() const { return get<bool>(*this, "bool"); }
int64_t Value::integer() const { return get<int64_t>(*this, "int"); }
double Value::number() const {
  if (const auto* integer = std::get_if<int64_t>(&data)) return static_cast<double>(*integer);
  return get<double>(*this, "a number");
}
const std::string& Value::string() const { return get<std::string>(*this, "string"); }
const Array& Value::array() const { return get<Array>(*this, "array"); }
const Object& Value::object() const { return get<Object>(*this, "object"); }

const Value* Value::find(std::string_view key) const {
  const auto* members = std::get_if<Object>(&data);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Value& Value::at(std::string_view key) const {
  static_cast<void>(object());
  const Value* value = find(key);
  if (value == nullptr) fail(fmt::format("the key {} is missing", quote(key)));
  return *value;
}

Value parse(std::string_view text) {
  Events events;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &events)) fail(events.problem);
  return events.take();
}

std::string quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

Writer& Writer::value(const Value& content) {
  if (const auto* flag = std::get_if<bool>(&content.data)) return value(*flag);
  if (const auto* integer = std::get_if<int64_t>(&content.data)) return value(*integer);
  if (const auto* real = std::get_if<double>(&content.data)) return value(*real);
  if (const auto* text = std::get_if<std::string>(&content.data)) return value(*text);
  if (const auto* items = std::get_if<Array>(&content.data)) {
    begin_array();
    for (const Value& item : *items) value(item);
    return end_array();
  }
  if (const auto* members = std::get_if<Object>(&content.data)) {
    begin_object();
    for (const auto& [name, item] : *members) key(name).value(item);
    return end_object();
  }
  return null();
}

Writer& Writer::key(std::string_view name) {
  separate();
  append_quoted(buffer_, name);
  buffer_ += ": ";
  after_key_ = true;
  return *this;
}

Writer& Writer::value(std::string_view text) {
  separate();
  append_quoted(buffer_, text);
  return *this;
}

Writer& Writer::value(double number) {
  if (!std::isfinite(number)) return null();
  // The shortest text that reads back as the same number.
  return raw(fmt::format("{}", number));
}

Writer& Writer::value(const std::vector<std::string>& texts) {
  begin_array(Layout::Line);
  for (const std::string& text : texts) value(text);
  return end_array();
}

Writer& Writer::begin(char bracket, Layout layout) {
  separate();
  buffer_ += bracket;
  const bool is_line = layout == Layout::Line || (!levels_.empty() && levels_.back().is_line);
  levels_.push_back({is_line, true});
  return *this;
}

Writer& Writer::end(char bracket) {
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.is_line && !level.is_empty) new_line();
  buffer_ += bracket;
  if (levels_.empty()) buffer_ += '\n';
  if (levels_.empty() || buffer_.size() >= kBufferSize) flush();
  return *this;
}

Writer& Writer::raw(std::string_view text) {
  separate();
  buffer_ += text;
  return *this;
}

void Writer::separate() {
  if (std::exchange(after_key_, false) || levels_.empty()) return;
  Level& level = levels_.back();
  if (!level.is_empty) buffer_ += level.is_line ? ", " : ",";
  level.is_empty = false;
  if (!level.is_line) new_line();
}

void Writer::new_line() {
  buffer_ += '\n';
  buffer_.append(2 * levels_.size(), ' ');
}

void Writer::flush() {
  out_ << buffer_;
  buffer_.clear();
}

}  // namespace modelexport::json
