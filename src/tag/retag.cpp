#include "tag/retag.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "support/atomic_file.h"
#include "support/error.h"
#include "support/json.h"
#include "support/mapped_file.h"
#include "tag/coverage.h"
#include "tag/explain.h"
#include "tag/load.h"
#include "tag/onnx_tags.h"
#include "tag/restore.h"
#include "tag/stamp.h"

namespace modelexport::tag {
namespace {

std::filesystem::path folder_of(const std::string& path) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path)).parent_path();
}

// Weights in files of their own are found relative to the model's folder.
void check_external_data(const onnx::Model& model, const std::string& input, const std::string& output) {
  const auto external = std::find_if(model.initializers.begin(), model.initializers.end(),
                                     [](const auto& initializer) { return !initializer.external_location.empty(); });
  if (external == model.initializers.end() || folder_of(input) == folder_of(output)) return;
  fail(fmt::format("{}: the weights lie in {} beside {}; write the tagged file to the same folder", output,
                   external->external_location, input));
}

void write_sidecar_of(AtomicFiles& files, const onnx::Model& model, const ModuleTree& modules,
                      const TagSummary& summary, const RetagOptions& options) {
  SidecarInfo info;
  info.model_path = options.output;
  info.strategy = options.strategy;
  info.builtin_tracking_enabled = options.builtin_tracking;
  info.operation_trace_length = options.operation_trace_length;
  info.native_op_regions = options.native_op_regions;
  write_sidecar(files.open(sidecar_path(options.output)), model, modules, summary, info);
}

// The tagged file and its sidecar. `file` is what `model` was read from.
TagSummary write_tagged(const std::string& file, onnx::Model& model, const ModuleTree& modules,
                        const RetagOptions& options) {
  check_external_data(model, file, options.output);
  TagSummary summary = tag_model(model, modules, {options.metadata, true, options.keep_names});
  check_coverage(model, summary, options.metadata);
  const std::shared_ptr<const MappedFile> content = MappedFile::open(file);
  AtomicFiles files;
  OutputFile& out = files.open(options.output);
  with_context(file, [&] {
    stamp_model({reinterpret_cast<const char*>(content->bytes().data()), content->bytes().size()}, model, out);
  });
  write_sidecar_of(files, model, modules, summary, options);
  files.commit();
  return summary;
}

// The scopes of a model by its records, or else by its data flow. `modules` may be empty.
ModuleTree restore_model(onnx::Model& model, const std::vector<NodeRecord>& records, std::vector<ModuleInfo> modules) {
  TreeBuilder tree(std::move(modules));
  Flow flow(model);
  std::vector<bool> known(flow.nodes.size());
  restore_scopes(flow, records, tree, known);
  inherit_scopes(flow, tree.tree(), known);
  fall_back(flow, known);
  return tree.take();
}

// The scopes of a tagged file, from its metadata or else from its sidecar.
ModuleTree restore_file(const std::string& path, onnx::Model& model) {
  const std::vector<NodeRecord> records = load_tags(path, model, TagSource::Auto);
  std::vector<ModuleInfo> modules;
  if (std::filesystem::exists(sidecar_path(path))) modules = module_list(load_sidecar(path).modules);
  return restore_model(model, records, std::move(modules));
}

// ---- repair --------------------------------------------------------------------------------------------------------
bool is_consistent(const std::string& path) {
  try {
    return validate_file(path, "").consistent();
  } catch (const Error&) {
    return false;
  }
}

// Whether the tags name the modules of the list, by path and class.
bool agree(const std::vector<NodeRecord>& records, const std::vector<ModuleRecord>& modules) {
  std::unordered_map<std::string_view, std::string_view> classes;
  for (const ModuleRecord& module : modules) classes.emplace(module.path, module.class_name);
  return std::all_of(records.begin(), records.end(), [&](const NodeRecord& record) {
    const auto known = classes.find(record.module);
    return record.tag.empty() || (known != classes.end() && known->second == innermost_class(record.tag));
  });
}

// The sidecar beside `path` where it can be read and is about the same modules.
std::optional<Sidecar> usable_sidecar(const std::string& path, const std::vector<NodeRecord>& records) {
  try {
    Sidecar sidecar = load_sidecar(path);
    if (agree(records, sidecar.modules)) return sidecar;
  } catch (const Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

// The keys that a file has, for writing the same again.
MetadataLevel level_of(const onnx::Model& model, const std::vector<NodeRecord>& records) {
  if (!has_tags(records)) return MetadataLevel::None;
  bool has_others = false;
  for_each_node_of(
      model, [&](const onnx::Node& node) { has_others = has_others || node.metadata.find(kNamespaceKey).has_value(); });
  return has_others ? MetadataLevel::Full : MetadataLevel::Minimal;
}

// Whether the file says of every node what was concluded of it.
bool is_as_recorded(const onnx::Model& model, const std::vector<NodeRecord>& records, const TagSummary& summary) {
  std::size_t i = 0;
  bool same = true;
  for_each_node_of(model, [&](const onnx::Node& node) {
    const NodeRecord& record = records[i++];
    same = same && node.name == record.name && summary.scope_tags[node.scope] == record.tag;
  });
  return same;
}

// Throws Error (ContextInheritance) naming the first nodes that were left to the root.
void refuse_fallback(const onnx::Model& model) {
  uint64_t count = 0;
  std::string first;
  for_each_node_of(model, [&](const onnx::Node& node) {
    if (node.provenance != Provenance::Fallback) return;
    if (count++ == 0) first = node.op_type + " '" + node.name + "'";
  });
  if (count == 0) return;
  fail(ErrorKind::ContextInheritance,
       fmt::format("{} nodes have no module record and no neighbours to inherit from, {} first", count, first));
}

uint64_t count_scopes(const onnx::Model& model) {
  std::unordered_set<ScopeId> scopes;
  for_each_node_of(model, [&](const onnx::Node& node) { scopes.insert(node.scope); });
  return scopes.size();
}

ModuleInfo read_module(const std::string& path, const json::Value& entry) {
  if (std::holds_alternative<std::string>(entry.data)) return {path, entry.string(), 0};
  const json::Value* qualified = entry.find("qualified_class");
  const json::Value* parameters = entry.find("parameters");
  const int64_t count = parameters == nullptr ? 0 : parameters->integer();
  return {path, (qualified == nullptr ? entry.at("class") : *qualified).string(),
          static_cast<uint64_t>(std::max<int64_t>(count, 0))};
}

}  // namespace

ProjectReport tag_file(const std::string& input, std::vector<ModuleInfo> modules, const RetagOptions& options) {
  ProjectReport report;
  report.stages.observer = options.on_stage;
  onnx::Model model = report.stages.run("read", [&] { return load_onnx(input); });
  Projection projection =
      with_context(input, [&] { return project_scopes(model, std::move(modules), options.evidence, &report.stages); });
  if (options.require_context) refuse_fallback(model);
  report.counts = projection.counts;
  report.summary = report.stages.run("write", [&] { return write_tagged(input, model, projection.modules, options); });
  report.regions = count_scopes(model);
  if (options.explain) report.decisions = explain_auxiliary(model, projection.modules);
  return report;
}

CarryReport carry_file(const std::string& tagged, const std::string& optimised, const RetagOptions& options) {
  onnx::Model before = load_onnx(tagged);
  onnx::Model after = load_onnx(optimised);
  const ModuleTree modules = restore_file(tagged, before);
  const Carried carried = carry_scopes(before, modules, after);
  return {carried.counts, write_tagged(optimised, after, modules, options)};
}

std::vector<std::string> repair_file(const std::string& path) {
  if (is_consistent(path)) return {};
  onnx::Model model = load_onnx(path);
  const std::vector<NodeRecord> records = load_tags(path, model, TagSource::Auto);
  RetagOptions options;
  options.output = path;
  options.strategy = "repair";
  options.metadata = level_of(model, records_of(model));
  std::vector<ModuleInfo> modules;
  if (const std::optional<Sidecar> before = usable_sidecar(path, records)) {
    modules = module_list(before->modules);
    options.strategy = before->info.strategy;
    options.builtin_tracking = before->info.builtin_tracking_enabled;
    options.operation_trace_length = before->info.operation_trace_length;
    options.native_op_regions = before->info.native_op_regions;
  }
  const ModuleTree tree = restore_model(model, records, std::move(modules));
  const TagSummary summary = tag_model(model, tree, {options.metadata, true, options.keep_names});
  if (!is_as_recorded(model, records, summary)) {
    write_tagged(path, model, tree, options);
    return {path, sidecar_path(path)};
  }
  AtomicFiles files;
  write_sidecar_of(files, model, tree, summary, options);
  files.commit();
  return {sidecar_path(path)};
}

std::vector<ModuleInfo> read_module_list(const std::string& path) {
  const std::shared_ptr<const MappedFile> content = MappedFile::open(path);
  return with_context(path, [&] {
    const json::Value root =
        json::parse({reinterpret_cast<const char*>(content->bytes().data()), content->bytes().size()});
    const json::Value* nested = root.find("modules");
    const bool is_sidecar = nested != nullptr && root.find("format") != nullptr;
    std::vector<ModuleInfo> modules;
    for (const auto& [module, entry] : (is_sidecar ? *nested : root).object()) {
      modules.push_back(
          with_context(json::quote(module), [&module = module, &entry = entry] { return read_module(module, entry); }));
    }
    return modules;
  });
}

}  // namespace modelexport::tag
