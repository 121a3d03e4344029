#include "tag/onnx_tags.h"

#include <fmt/format.h>

#include <charconv>

#include "support/error.h"
#include "tag/python_list.h"
#include "tag/tag.h"

namespace modelexport::tag {
namespace {

uint32_t call_index(std::string_view text) {
  uint32_t call = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), call);
  if (error != std::errc() || end != text.data() + text.size()) fail(fmt::format("'{}' is no call index", text));
  return call;
}

std::vector<std::string> source_list(std::string_view text) {
  std::optional<std::vector<std::string>> sources = parse_python_list(text);
  if (!sources) fail(fmt::format("'{}' is no list of modules", text));
  return std::move(*sources);
}

void read_entry(NodeRecord& record, std::string_view key, std::string_view value) {
  if (key == kTagKey) record.tag = value;
  if (key == kModuleKey) record.module = value;
  if (key == kCallKey) record.call = call_index(value);
  if (key == kProvenanceKey) record.provenance = provenance_from_name(value);
  if (key == kSourcesKey) record.sources = source_list(value);
  if (key == kRoleKey) record.role = role_from_name(value);
  if (key == kOpKey) record.aten = value;
}

}  // namespace

std::vector<NodeRecord> records_of(const onnx::Model& model) {
  const auto names = [&](const std::vector<onnx::ValueId>& values) {
    std::vector<std::string> texts;
    texts.reserve(values.size());
    for (const onnx::ValueId value : values) {
      texts.push_back(value == onnx::kNoValue ? std::string() : model.values[value].name);
    }
    return texts;
  };
  std::vector<NodeRecord> records;
  for_each_placed_node(model, [&](const onnx::Node& node, const std::string& graph) {
    NodeRecord record;
    record.name = node.name;
    record.op_type = node.op_type;
    record.domain = node.domain;
    record.graph = graph;
    record.inputs = names(node.inputs);
    record.outputs = names(node.outputs);
    with_context(fmt::format("node '{}'", node.name), [&] {
      for (const auto& [key, value] : node.metadata) {
        with_context(key, [&, &key = key, &value = value] { read_entry(record, key, value); });
      }
    });
    records.push_back(std::move(record));
  });
  return records;
}

}  // namespace modelexport::tag
