#include "support/environment.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "support/error.h"

namespace modelexport {
namespace {

std::string value_of(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

[[noreturn]] void refuse(std::string_view name, std::string_view wanted, std::string_view value) {
  fail("the environment variable " + std::string(name) + " must be " + std::string(wanted) + ", not '" +
       std::string(value) + "'");
}

bool flag(const char* name) {
  const std::string value = value_of(name);
  std::string lower = value;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), lower) != words.end();
  };
  if (is_one_of({"", "0", "false", "off", "no"})) return false;
  if (is_one_of({"1", "true", "on", "yes"})) return true;
  refuse(name, "0 or 1", value);
}

uint64_t megabytes(const char* name) {
  constexpr uint64_t kMost = uint64_t{1} << 40;
  const std::string value = value_of(name);
  if (value.empty()) return 0;
  uint64_t number = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = status == std::errc() && end == value.data() + value.size();
  if (!is_number || number == 0 || number > kMost) refuse(name, "a number of megabytes", value);
  return number;
}

}  // namespace

Environment read_environment() {
  return {flag("MODELEXPORT_AUX_OPS_DEBUG"), megabytes("MODELEXPORT_MEMORY_LIMIT_MB"),
          flag("MODELEXPORT_ENABLE_PROFILING")};
}

}  // namespace modelexport
