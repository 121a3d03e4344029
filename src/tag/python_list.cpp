#include "tag/python_list.h"

#include <fmt/format.h>

#include <charconv>

namespace modelexport::tag {
namespace {

class ListParser {
 public:
  explicit ListParser(std::string_view text) : rest_(text) {}

  std::optional<std::vector<std::string>> parse() {
    std::vector<std::string> items;
    if (!take('[')) return std::nullopt;
    if (!take(']')) {
      do {
        std::optional<std::string> item = string();
        if (!item) return std::nullopt;
        items.push_back(std::move(*item));
      } while (take(','));
      if (!take(']')) return std::nullopt;
    }
    skip_spaces();
    return rest_.empty() ? std::optional(std::move(items)) : std::nullopt;
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  bool take(char wanted) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<char> next() {
    if (rest_.empty()) return std::nullopt;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::optional<std::string> string() {
    const bool is_double = take('"');
    if (!is_double && !take('\'')) return std::nullopt;
    const char quote = is_double ? '"' : '\'';
    std::string text;
    while (const std::optional<char> c = next()) {
      if (*c == quote) return text;
      if (*c != '\\') {
        text += *c;
      } else if (!escape(text)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool escape(std::string& text) {
    const std::optional<char> c = next();
    if (!c) return false;
    switch (*c) {
      case 'n':
        text += '\n';
        return true;
      case 'r':
        text += '\r';
        return true;
      case 't':
        text += '\t';
        return true;
      case 'x': {
        unsigned byte = 0;
        if (rest_.size() < 2) return false;
        const char* end = rest_.data() + 2;
        if (std::from_chars(rest_.data(), end, byte, 16).ptr != end) return false;
        rest_.remove_prefix(2);
        text += static_cast<char>(byte);
        return true;
      }
      default:
        text += *c;
        return *c == '\\' || *c == '\'' || *c == '"';
    }
  }

  std::string_view rest_;
};

}  // namespace

std::string python_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += quote;
  return out;
}

std::string print_python_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += python_repr(item);
  }
  out += ']';
  return out;
}

std::optional<std::vector<std::string>> parse_python_list(std::string_view text) { return ListParser(text).parse(); }

}  // namespace modelexport::tag
