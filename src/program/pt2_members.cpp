#include "program/pt2_members.h"

#include <fmt/format.h>

#include <string>

namespace modelexport::program {

Members::Members(json::Reader& in, std::span<const std::string_view> opened) : document_(in) {
  in.object([&](std::string_view key) {
    const std::string name(key);
    std::string_view text;
    if (!opened.empty() && name == opened.front()) {
      inside_ = std::make_unique<Members>(in, opened.subspan(1));
    } else {
      text = in.skip();
    }
    if (!texts_.emplace(name, text).second) in.fail_here(fmt::format("\"{}\" is there twice", name));
  });
  document_ = in;
}

std::optional<json::Reader> Members::find(std::string_view key) const {
  const auto found = texts_.find(key);
  if (found == texts_.end()) return std::nullopt;
  return document_.of(found->second);
}

json::Reader Members::at(std::string_view key) const {
  const std::optional<json::Reader> found = find(key);
  if (!found) fail_without(key);
  return *found;
}

const Members& Members::inside(std::string_view key) const {
  if (inside_ == nullptr) fail_without(key);
  return *inside_;
}

void Members::fail_without(std::string_view key) const { fail_here(fmt::format("an object without \"{}\"", key)); }

}  // namespace modelexport::program
