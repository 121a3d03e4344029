#include "tag/glob.h"

namespace modelexport::tag {
namespace {

// Matches `pattern` against `items`, where an item of the pattern may stand for any number of items. It suffices to
// go back to the last such one, since the ones before it have matched as little as they could.
template <typename Pattern, typename Items, typename IsAny, typename Same>
bool match_sequence(const Pattern& pattern, const Items& items, IsAny&& is_any, Same&& same) {
  std::size_t p = 0;
  std::size_t i = 0;
  bool has_any = false;
  std::size_t after_any = 0;
  std::size_t retry = 0;
  while (i < items.size()) {
    if (p < pattern.size() && is_any(pattern[p])) {
      has_any = true;
      after_any = ++p;
      retry = i;
    } else if (p < pattern.size() && same(pattern[p], items[i])) {
      ++p;
      ++i;
    } else if (has_any) {
      p = after_any;
      i = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && is_any(pattern[p])) ++p;
  return p == pattern.size();
}

std::vector<std::string_view> split(std::string_view path, char separator) {
  std::vector<std::string_view> parts;
  if (path.empty()) return parts;
  for (;;) {
    const std::size_t end = path.find(separator);
    parts.push_back(path.substr(0, end));
    if (end == std::string_view::npos) return parts;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  return match_sequence(
      pattern, text, [](char p) { return p == '*'; }, [](char p, char c) { return p == '?' || p == c; });
}

PathGlob::PathGlob(std::string_view pattern, char separator) : separator_(separator) {
  for (const std::string_view part : split(pattern, separator)) pattern_.emplace_back(part);
}

bool PathGlob::matches(std::string_view path) const {
  return match_sequence(
      pattern_, split(path, separator_), [](const std::string& part) { return part == "**"; },
      [](const std::string& part, std::string_view component) { return glob_match(part, component); });
}

}  // namespace modelexport::tag
