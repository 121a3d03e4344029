#include "tag/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string_view>
#include <unordered_map>

#include "support/error.h"

namespace modelexport::tag {
namespace {

void compare_nodes(Consistency& result, const NodeRecord& onnx, const NodeRecord& sidecar) {
  const auto compare = [&](const char* field, std::string_view a, std::string_view b) {
    if (a != b) result.mismatches.push_back({onnx.name, field, std::string(a), std::string(b)});
  };
  compare("op_type", onnx.op_type, sidecar.op_type);
  if (!result.onnx_has_tags) return;
  compare("tag", onnx.tag, sidecar.tag);
  compare("module", onnx.module, sidecar.module);
  compare("call", std::to_string(onnx.call), std::to_string(sidecar.call));
  compare("provenance", name_of(onnx.provenance), name_of(sidecar.provenance));
  compare("role", name_of(onnx.role), name_of(sidecar.role));
  compare("aten", onnx.aten, sidecar.aten);
}

struct Countable {
  const char* field;
  std::string (*value)(const NodeRecord& node);
};
constexpr Countable kCountables[] = {
    {"tag", [](const NodeRecord& node) { return node.tag; }},
    {"module", [](const NodeRecord& node) { return node.module; }},
    {"class", [](const NodeRecord& node) { return innermost_class(node.tag); }},
    {"op", [](const NodeRecord& node) { return node.op_type; }},
    {"aten", [](const NodeRecord& node) { return node.aten; }},
    {"provenance", [](const NodeRecord& node) { return std::string(name_of(node.provenance)); }},
    {"role", [](const NodeRecord& node) { return std::string(name_of(node.role)); }},
};

void write_field(std::ostream& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out << text;
    return;
  }
  out << '"';
  for (const char c : text) {
    if (c == '"') out << '"';
    out << c;
  }
  out << '"';
}

}  // namespace

bool has_tags(const std::vector<NodeRecord>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const NodeRecord& node) { return !node.tag.empty(); });
}

std::map<std::string, uint64_t> count_tags(const std::vector<NodeRecord>& nodes) {
  std::map<std::string, uint64_t> counts;
  for (const NodeRecord& node : nodes) {
    if (!node.tag.empty()) ++counts[node.tag];
  }
  return counts;
}

const std::vector<std::string>& countable_fields() {
  static const std::vector<std::string> kFields = [] {
    std::vector<std::string> fields;
    for (const Countable& countable : kCountables) fields.emplace_back(countable.field);
    return fields;
  }();
  return kFields;
}

std::map<std::string, uint64_t> count_by(const std::vector<NodeRecord>& nodes, const std::string& field) {
  for (const Countable& countable : kCountables) {
    if (field != countable.field) continue;
    std::map<std::string, uint64_t> counts;
    for (const NodeRecord& node : nodes) ++counts[countable.value(node)];
    return counts;
  }
  fail(fmt::format("there is no field '{}' to count by", field));
}

std::string innermost_class(const std::string& tag) {
  const std::string component = tag.substr(tag.rfind('/') + 1);
  return component.substr(0, component.find('.'));
}

Consistency compare_records(const std::vector<NodeRecord>& onnx, const std::vector<NodeRecord>& sidecar) {
  Consistency result;
  result.nodes = onnx.size();
  result.onnx_has_tags = has_tags(onnx);
  std::unordered_map<std::string_view, const NodeRecord*> expected;
  for (const NodeRecord& node : sidecar) expected.emplace(node.name, &node);
  std::unordered_map<std::string_view, bool> seen;
  for (const NodeRecord& node : onnx) {
    if (!seen.emplace(node.name, true).second) {
      result.repeated_in_onnx.push_back(node.name);
      continue;
    }
    const auto found = expected.find(node.name);
    if (found == expected.end()) {
      result.only_in_onnx.push_back(node.name);
    } else {
      compare_nodes(result, node, *found->second);
    }
  }
  for (const NodeRecord& node : sidecar) {
    if (!seen.contains(node.name)) result.only_in_sidecar.push_back(node.name);
  }
  return result;
}

std::vector<TagChange> diff_tags(const std::vector<NodeRecord>& before, const std::vector<NodeRecord>& after) {
  std::map<std::string, TagChange> changes;
  for (const auto& [tag, nodes] : count_tags(before)) changes[tag].before = nodes;
  for (const auto& [tag, nodes] : count_tags(after)) changes[tag].after = nodes;
  std::vector<TagChange> differing;
  for (auto& [tag, change] : changes) {
    if (change.before != change.after) differing.push_back({tag, change.before, change.after});
  }
  return differing;
}

void write_csv(std::ostream& out, const std::vector<NodeRecord>& nodes) {
  out << "name,op_type,domain,graph,tag,module,call,provenance,role,aten\n";
  for (const NodeRecord& node : nodes) {
    const std::string call = std::to_string(node.call);
    const std::string_view fields[] = {node.name,          node.op_type, node.domain, node.graph,
                                       node.tag,           node.module,  call,        name_of(node.provenance),
                                       name_of(node.role), node.aten};
    const char* separator = "";
    for (const std::string_view field : fields) {
      out << separator;
      write_field(out, field);
      separator = ",";
    }
    out << '\n';
  }
}

}  // namespace modelexport::tag
