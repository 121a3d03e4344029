// The query language over nodes (docs/tags.md):
//
//   module:encoder.layer.*.attention.** op:MatMul and not (role:auxiliary or provenance:merged)
//
// Terms side by side must all hold. A word without a field is a part of the tag, or a role ("auxiliary", "core").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tag/glob.h"
#include "tag/records.h"

namespace modelexport::tag {

class Query {
 public:
  // Throws Error naming the column. An empty query matches every node.
  explicit Query(std::string_view text);
  [[nodiscard]] bool matches(const NodeRecord& node) const;

 private:
  friend class QueryParser;
  // Whether a node is as the term wants it.
  using Test = bool (*)(const NodeRecord& node, const std::string& text, const PathGlob& glob);
  enum class Kind : uint8_t { All, Any, Not, Term };
  // Operands are indexes of steps that come before.
  struct Step {
    Kind kind = Kind::All;
    std::vector<std::size_t> operands;
    Test test = nullptr;
    std::string text;
    PathGlob glob;
  };
  std::vector<Step> steps_;  // the last one is the whole query
};

// The nodes that match, in order.
[[nodiscard]] std::vector<const NodeRecord*> select(const std::vector<NodeRecord>& nodes, const Query& query);

}  // namespace modelexport::tag
