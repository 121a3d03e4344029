#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <map>
#include <unordered_map>

#include "support/in_bulk.h"
#include "support/json.h"
#include "tag/scope_text.h"
#include "tag/sidecar.h"

namespace modelexport::tag {
namespace {

void write_values(json::Writer& out, std::string_view key, const onnx::Model& model,
                  const std::vector<onnx::ValueId>& values) {
  out.key(key).begin_array();
  for (const onnx::ValueId value : values) {
    out.value(value == onnx::kNoValue ? std::string_view() : model.values[value].name);
  }
  out.end_array();
}

void write_node(json::Writer& out, const onnx::Model& model, const onnx::Node& node, const std::string& graph,
                const ModuleTree& modules, const std::string& tag) {
  const ModuleCall& call = modules[node.scope];
  out.key(node.name).begin_object(json::Layout::Line);
  out.member("op_type", node.op_type);
  if (!node.domain.empty()) out.member("domain", node.domain);
  if (!graph.empty()) out.member("graph", graph);
  out.key("tags").begin_array().value(tag).end_array();
  out.member("module", call.path).member("call", call.call);
  out.member("provenance", name_of(node.provenance));
  if (!node.sources.empty()) {
    out.key("sources").begin_array();
    for (const ScopeId source : node.sources) out.value(call_name(modules[source]));
    out.end_array();
  }
  out.member("role", name_of(node.role)).member("aten", node.origin);
  write_values(out, "inputs", model, node.inputs);
  write_values(out, "outputs", model, node.outputs);
  out.end_object();
}

struct Counts {
  std::map<std::string, uint64_t> tags;
  std::array<uint64_t, 4> provenance{};
};

Counts count_tags(const onnx::Model& model, const TagSummary& summary) {
  Counts counts;
  std::vector<uint64_t> of_scope(summary.scope_tags.size());
  for_each_placed_node(model, [&](const onnx::Node& node, const std::string&) {
    ++of_scope[node.scope];
    ++counts.provenance[static_cast<std::size_t>(node.provenance)];
  });
  for (ScopeId scope = 0; scope < of_scope.size(); ++scope) {
    if (of_scope[scope] != 0) counts.tags[summary.scope_tags[scope]] += of_scope[scope];
  }
  return counts;
}

void write_summary(json::Writer& out, const SidecarInfo& info, const ModelIdentity& identity, const Counts& counts) {
  uint64_t tagged = 0;
  for (const auto& [tag, nodes] : counts.tags) tagged += nodes;
  out.key("summary").begin_object();
  out.member("total_operations", identity.nodes).member("tagged_operations", tagged);
  out.member("unique_tags", static_cast<uint64_t>(counts.tags.size()));
  out.member("operation_trace_length", info.operation_trace_length);
  out.member("native_op_regions", info.native_op_regions);
  out.member("builtin_tracking_enabled", info.builtin_tracking_enabled);
  out.key("provenance").begin_object(json::Layout::Line);
  for (std::size_t i = 0; i < counts.provenance.size(); ++i) {
    out.member(name_of(static_cast<Provenance>(i)), counts.provenance[i]);
  }
  out.end_object().end_object();
}

// The modules of named_modules(), or those that were called when the capture did not list them.
std::vector<ModuleRecord> module_records(const ModuleTree& modules) {
  std::vector<ModuleRecord> records;
  InBulk<std::pmr::unordered_map<std::string_view, std::size_t>> index;
  index.reserve(modules.modules.size() + modules.size());
  const auto add = [&](const std::string& path, const std::string& qualified_class, uint64_t parameters) {
    if (index.emplace(path, records.size()).second) {
      records.push_back({path, std::string(class_name(qualified_class)), qualified_class, parameters, 0, {}});
    }
  };
  for (const ModuleInfo& module : modules.modules) add(module.path, module.qualified_class, module.parameters);
  for (ScopeId scope = 0; scope < modules.size(); ++scope) {
    const ModuleCall& call = modules[scope];
    add(call.path, call.qualified_class, 0);
    uint64_t& calls = records[index.at(call.path)].calls;
    calls = std::max<uint64_t>(calls, call.call + 1);
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::string_view parent = records[i].path;
    while (!parent.empty()) {
      const std::size_t dot = parent.rfind('.');
      parent = dot == std::string_view::npos ? std::string_view() : parent.substr(0, dot);
      const auto found = index.find(parent);
      if (found == index.end()) continue;
      records[found->second].children.push_back(records[i].path);
      break;
    }
  }
  return records;
}

void write_modules(json::Writer& out, const ModuleTree& modules) {
  out.key("modules").begin_object();
  for (const ModuleRecord& module : module_records(modules)) {
    out.key(module.path).begin_object(json::Layout::Line);
    out.member("class", module.class_name).member("qualified_class", module.qualified_class);
    out.member("parameters", module.parameters).member("calls", module.calls).member("children", module.children);
    out.end_object();
  }
  out.end_object();
}

}  // namespace

std::string sidecar_path(const std::string& model_path) {
  const std::filesystem::path path(model_path);
  return (path.parent_path() / (path.stem().string() + "_hierarchy.json")).string();
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

void write_sidecar(std::ostream& stream, const onnx::Model& model, const ModuleTree& modules, const TagSummary& summary,
                   const SidecarInfo& info) {
  const Counts counts = count_tags(model, summary);
  const ModelIdentity identity = identify(model);
  json::Writer out(stream);
  out.begin_object();
  out.member("version", kSidecarVersion).member("format", kSidecarFormat);
  out.member("model_path", std::filesystem::path(info.model_path).filename().string());
  out.key("model").begin_object(json::Layout::Line);
  out.member("nodes", identity.nodes).member("digest", identity.digest).end_object();
  out.member("generated_at", info.generated_at.empty() ? utc_now() : info.generated_at);
  out.key("exporter").begin_object(json::Layout::Line).member("name", "modelexport");
  out.member("version", MODELEXPORT_VERSION).member("strategy", info.strategy);
  if (!info.capture.empty()) out.member("capture", info.capture);
  if (!info.specialised.empty()) out.member("specialised", info.specialised);
  out.end_object();
  write_summary(out, info, identity, counts);
  out.key("tag_statistics").begin_object();
  for (const auto& [tag, nodes] : counts.tags) out.member(tag, nodes);
  out.end_object();
  out.key("node_tags").begin_object();
  for_each_placed_node(model, [&](const onnx::Node& node, const std::string& graph) {
    write_node(out, model, node, graph, modules, summary.scope_tags[node.scope]);
  });
  out.end_object();
  write_modules(out, modules);
  out.end_object();
}

}  // namespace modelexport::tag
