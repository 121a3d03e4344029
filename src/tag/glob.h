// Glob patterns over texts and dotted or slashed paths, matched in linear space without recursion.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modelexport::tag {

// `*` is any run of characters, `?` any one character; everything else is itself.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

// A pattern of components: within a component as above; a component `**` is any number of components, none too.
class PathGlob {
 public:
  PathGlob(std::string_view pattern, char separator);
  [[nodiscard]] bool matches(std::string_view path) const;

 private:
  char separator_;
  std::vector<std::string> pattern_;
};

}  // namespace modelexport::tag
