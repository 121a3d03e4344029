#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

#include "support/error.h"
#include "support/json.h"
#include "tag/sidecar.h"

namespace modelexport::tag {
namespace {

// Runs `read` on the member `key`; an error names it.
template <typename Read>
auto member(const json::Value& object, std::string_view key, Read&& read) {
  const json::Value& value = object.at(key);
  return with_context(json::quote(key), [&] { return read(value); });
}

std::string text(const json::Value& value) { return value.string(); }

uint64_t count(const json::Value& value) {
  if (value.integer() < 0) fail(fmt::format("expected a count, found {}", value.integer()));
  return static_cast<uint64_t>(value.integer());
}

uint32_t call_index(const json::Value& value) {
  const uint64_t index = count(value);
  if (index > std::numeric_limits<uint32_t>::max()) fail(fmt::format("the call index {} is too large", index));
  return static_cast<uint32_t>(index);
}

std::vector<std::string> texts(const json::Value& value) {
  std::vector<std::string> items;
  for (const json::Value& item : value.array()) items.push_back(item.string());
  return items;
}

template <typename Read>
auto optional_member(const json::Value& object, std::string_view key, Read&& read) -> decltype(read(object)) {
  if (object.find(key) == nullptr) return {};
  return member(object, key, read);
}

NodeRecord read_node(const std::string& name, const json::Value& entry) {
  NodeRecord node;
  node.name = name;
  node.op_type = member(entry, "op_type", text);
  node.domain = optional_member(entry, "domain", text);
  node.graph = optional_member(entry, "graph", text);
  node.tag = member(entry, "tags", [](const json::Value& tags) {
    return tags.array().empty() ? std::string() : tags.array().front().string();
  });
  node.module = member(entry, "module", text);
  node.call = member(entry, "call", call_index);
  node.provenance = member(entry, "provenance", [](const auto& value) { return provenance_from_name(value.string()); });
  node.role = member(entry, "role", [](const auto& value) { return role_from_name(value.string()); });
  node.aten = optional_member(entry, "aten", text);
  node.sources = optional_member(entry, "sources", texts);
  node.inputs = optional_member(entry, "inputs", texts);
  node.outputs = optional_member(entry, "outputs", texts);
  return node;
}

ModuleRecord read_module(const std::string& path, const json::Value& entry) {
  ModuleRecord module;
  module.path = path;
  module.class_name = member(entry, "class", text);
  module.qualified_class = member(entry, "qualified_class", text);
  module.parameters = member(entry, "parameters", count);
  module.calls = member(entry, "calls", count);
  module.children = member(entry, "children", texts);
  return module;
}

// The members of an object of objects, each read with its key.
template <typename Read>
auto read_all(const json::Value& object, Read&& read) {
  std::vector<decltype(read(std::string(), object))> records;
  for (const auto& [key, entry] : object.object()) {
    records.push_back(with_context(json::quote(key), [&, &key = key, &entry = entry] { return read(key, entry); }));
  }
  return records;
}

void check_format(const json::Value& root) {
  const json::Value* format = root.find("format");
  if (format == nullptr || format->type_name() != "string" || format->string() != kSidecarFormat) {
    fail(fmt::format("not a hierarchy sidecar: no \"format\": \"{}\"", kSidecarFormat));
  }
  const std::string version = member(root, "version", text);
  const std::string_view major = kSidecarVersion.substr(0, kSidecarVersion.find('.') + 1);
  if (!version.starts_with(major)) {
    fail(fmt::format("version {} of the sidecar format cannot be read, only {}x; export the model again", version,
                     major));
  }
}

}  // namespace

Sidecar parse_sidecar(std::string_view content) {
  const json::Value root = json::parse(content);
  check_format(root);
  Sidecar sidecar;
  sidecar.info.model_path = member(root, "model_path", text);
  sidecar.info.generated_at = member(root, "generated_at", text);
  member(root, "exporter", [&](const json::Value& exporter) {
    sidecar.exporter_version = member(exporter, "version", text);
    sidecar.info.strategy = member(exporter, "strategy", text);
  });
  member(root, "model", [&](const json::Value& model) {
    sidecar.model = {member(model, "nodes", count), member(model, "digest", text)};
  });
  member(root, "summary", [&](const json::Value& summary) {
    sidecar.info.operation_trace_length = member(summary, "operation_trace_length", count);
    sidecar.info.native_op_regions = member(summary, "native_op_regions", count);
    sidecar.info.builtin_tracking_enabled =
        member(summary, "builtin_tracking_enabled", [](const json::Value& flag) { return flag.boolean(); });
  });
  sidecar.nodes = member(root, "node_tags", [](const json::Value& nodes) { return read_all(nodes, read_node); });
  sidecar.modules = member(root, "modules", [](const json::Value& modules) { return read_all(modules, read_module); });
  return sidecar;
}

Sidecar read_sidecar(const std::string& path) {
  const std::string content = read_sidecar_text(path);
  return with_context(path, [&] { return parse_sidecar(content); });
}

std::string read_sidecar_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::Io, fmt::format("{}: the sidecar cannot be read: {}", path, std::strerror(errno)));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void check_belongs(const Sidecar& sidecar, const ModelIdentity& identity) {
  if (sidecar.model == identity) return;
  fail(
      fmt::format("the sidecar belongs to another model: it was written for {} nodes with digest {}, "
                  "the model has {} nodes with digest {}",
                  sidecar.model.nodes, sidecar.model.digest, identity.nodes, identity.digest));
}

}  // namespace modelexport::tag
