#include "tag/coverage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "support/error.h"
#include "support/in_bulk.h"
#include "tag/records.h"

namespace modelexport::tag {
namespace {

constexpr std::size_t kNamed = 5;

bool has_tag(const onnx::Node& node, const TagSummary& summary, MetadataLevel level) {
  if (level == MetadataLevel::None) {
    return node.scope < summary.scope_tags.size() && !summary.scope_tags[node.scope].empty();
  }
  return std::any_of(node.metadata.begin(), node.metadata.end(),
                     [](const auto& entry) { return entry.first == kTagKey && !entry.second.empty(); });
}

}  // namespace

uint64_t check_coverage(const onnx::Model& model, const TagSummary& summary, MetadataLevel level) {
  InBulk<std::pmr::unordered_set<std::string_view>> names;
  names.reserve(model.graph.nodes.size());
  std::vector<std::string> bad;
  uint64_t total = 0;
  uint64_t untagged = 0;
  for_each_node_of(model, [&](const onnx::Node& node) {
    ++total;
    const bool tagged = has_tag(node, summary, level);
    const bool named = !node.name.empty() && names.insert(node.name).second;
    if (tagged && named) return;
    ++untagged;
    if (bad.size() < kNamed) {
      bad.push_back(fmt::format("{} '{}' ({})", node.op_type, node.name, tagged ? "its name is not unique" : "no tag"));
    }
  });
  if (untagged != 0) {
    fail(ErrorKind::Coverage, fmt::format("{} of {} nodes cannot be traced to a module call: {}{}", untagged, total,
                                          fmt::join(bad, ", "), untagged > kNamed ? ", ..." : ""));
  }
  return total;
}

}  // namespace modelexport::tag
