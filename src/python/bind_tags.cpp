// modelexport._core: tags as they lie in files. Nothing here needs torch.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <tuple>
#include <unordered_set>
#include <variant>
#include <vector>

#include "python/bindings.h"
#include "python/option_dict.h"
#include "python/stage_dict.h"
#include "support/atomic_file.h"
#include "support/environment.h"
#include "support/error.h"
#include "support/json.h"
#include "support/memory_limit.h"
#include "tag/analysis.h"
#include "tag/coverage.h"
#include "tag/load.h"
#include "tag/onnx_tags.h"
#include "tag/query.h"
#include "tag/retag.h"

namespace modelexport::python {

namespace nb = nanobind;

namespace {

using ModuleRow = std::tuple<std::string, std::string, uint64_t>;

nb::object to_python(const json::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return nb::cast(*flag);
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return nb::cast(*integer);
  if (const auto* number = std::get_if<double>(&value.data)) return nb::cast(*number);
  if (const auto* text = std::get_if<std::string>(&value.data)) return nb::cast(*text);
  if (const auto* items = std::get_if<json::Array>(&value.data)) {
    nb::list list;
    for (const json::Value& item : *items) list.append(to_python(item));
    return list;
  }
  if (const auto* members = std::get_if<json::Object>(&value.data)) {
    nb::dict dict;
    for (const auto& [key, member] : *members) dict[nb::cast(key)] = to_python(member);
    return dict;
  }
  return nb::none();
}

nb::dict to_python(const tag::NodeRecord& node) {
  nb::dict dict;
  dict["name"] = node.name;
  dict["op_type"] = node.op_type;
  dict["tags"] = node.tag.empty() ? std::vector<std::string>() : std::vector<std::string>{node.tag};
  dict["module"] = node.module;
  dict["call"] = node.call;
  const std::string_view provenance = name_of(node.provenance);
  dict["provenance"] = nb::str(provenance.data(), provenance.size());
  const std::string_view role = tag::name_of(node.role);
  dict["role"] = nb::str(role.data(), role.size());
  dict["aten"] = node.aten;
  dict["sources"] = node.sources;
  dict["domain"] = node.domain;
  dict["graph"] = node.graph;
  dict["inputs"] = node.inputs;
  dict["outputs"] = node.outputs;
  return dict;
}

nb::list to_python(const std::vector<tag::NodeRecord>& nodes) {
  nb::list list;
  for (const tag::NodeRecord& node : nodes) list.append(to_python(node));
  return list;
}

tag::TagSource source_from_name(const std::string& name) {
  if (name == "auto") return tag::TagSource::Auto;
  if (name == "onnx") return tag::TagSource::Onnx;
  if (name == "sidecar") return tag::TagSource::Sidecar;
  fail("the source of tags must be auto, onnx or sidecar, not " + name);
}

std::vector<tag::NodeRecord> load(const std::string& path, const std::string& source) {
  const nb::gil_scoped_release release;
  return tag::load_tags(path, source_from_name(source));
}

nb::dict read_sidecar(const std::string& path) {
  json::Value root;
  {
    const nb::gil_scoped_release release;
    root = tag::read_sidecar_json(path);
  }
  return nb::cast<nb::dict>(to_python(root));
}

nb::list query_tags(const std::string& path, const std::string& text, const std::string& source) {
  const tag::Query query(text);
  std::vector<tag::NodeRecord> nodes = load(path, source);
  std::erase_if(nodes, [&](const tag::NodeRecord& node) { return !query.matches(node); });
  return to_python(nodes);
}

nb::dict validate_tags(const std::string& path, const std::string& sidecar) {
  tag::Consistency result;
  {
    const nb::gil_scoped_release release;
    result = tag::validate_file(path, sidecar);
  }
  nb::list mismatches;
  for (const tag::Mismatch& mismatch : result.mismatches) {
    nb::dict entry;
    entry["node"] = mismatch.node;
    entry["field"] = mismatch.field;
    entry["onnx"] = mismatch.in_onnx;
    entry["sidecar"] = mismatch.in_sidecar;
    mismatches.append(entry);
  }
  nb::dict dict;
  dict["consistent"] = result.consistent();
  dict["onnx_has_tags"] = result.onnx_has_tags;
  dict["sidecar_is_of_this_model"] = result.is_of_this_model;
  dict["mismatches"] = mismatches;
  dict["only_in_onnx"] = result.only_in_onnx;
  dict["only_in_sidecar"] = result.only_in_sidecar;
  dict["repeated_in_onnx"] = result.repeated_in_onnx;
  return dict;
}

uint64_t check_coverage(const std::string& path) {
  const nb::gil_scoped_release release;
  const onnx::Model model = tag::load_onnx(path);
  return with_context(path, [&] { return tag::check_coverage(model, {}, MetadataLevel::Full); });
}

std::vector<std::tuple<std::string, uint64_t, uint64_t>> diff_tags(const std::string& before,
                                                                   const std::string& after) {
  const nb::gil_scoped_release release;
  std::vector<std::tuple<std::string, uint64_t, uint64_t>> changes;
  for (tag::TagChange& change : tag::diff_tags(tag::load_tags(before), tag::load_tags(after))) {
    changes.emplace_back(std::move(change.tag), change.before, change.after);
  }
  return changes;
}

void export_csv(const std::string& path, const std::string& csv_path, const std::string& source) {
  const nb::gil_scoped_release release;
  const std::vector<tag::NodeRecord> nodes = tag::load_tags(path, source_from_name(source));
  AtomicFiles files;
  tag::write_csv(files.open(csv_path), nodes);
  files.commit();
}

std::vector<ModuleInfo> module_infos(const std::vector<ModuleRow>& rows) {
  std::vector<ModuleInfo> modules;
  modules.reserve(rows.size());
  for (const auto& [path, qualified_class, parameters] : rows) modules.push_back({path, qualified_class, parameters});
  return modules;
}

tag::RetagOptions retag_options(const std::string& output, const std::string& strategy, bool keep_names) {
  tag::RetagOptions options;
  options.output = output;
  options.strategy = strategy;
  options.keep_names = keep_names;
  return options;
}

nb::dict to_python(const tag::TagSummary& summary) {
  nb::dict dict;
  dict["total_operations"] = summary.operations;
  dict["tagged_operations"] = summary.operations;
  dict["merged_operations"] = summary.merged;
  dict["inherited_operations"] = summary.inherited;
  dict["fallback_operations"] = summary.fallback;
  dict["auxiliary_operations"] = summary.auxiliary;
  dict["tagged_auxiliary"] = summary.auxiliary;
  dict["inherited_auxiliary"] = summary.inherited_auxiliary;
  dict["fallback_auxiliary"] = summary.fallback_auxiliary;
  dict["auxiliary_types"] = summary.auxiliary_types;
  return dict;
}

nb::dict tag_file(const std::string& input, const std::string& output, const std::vector<ModuleRow>& modules,
                  const std::string& strategy, bool keep_names, const nb::dict& given) {
  tag::RetagOptions options = retag_options(output, strategy, keep_names);
  std::string metadata = "full";
  std::string evidence = "all";
  take(given, "metadata", metadata);
  take(given, "evidence", evidence);
  take(given, "operation_trace_length", options.operation_trace_length);
  take(given, "require_context", options.require_context);
  take(given, "explain", options.explain);
  options.metadata = metadata_level(metadata);
  options.evidence = evidence == "names" ? tag::Evidence::Names : tag::Evidence::All;
  options.on_stage = stage_observer(given);
  tag::ProjectReport report;
  {
    const nb::gil_scoped_release release;
    MemoryLimit limit(read_environment().memory_limit_bytes());
    report = tag::tag_file(input, module_infos(modules), options);
  }
  nb::dict dict = to_python(report.summary);
  dict["native_op_regions"] = report.regions;
  dict["decisions"] = report.decisions;
  dict["from_tags"] = report.counts.from_tags;
  dict["from_torch"] = report.counts.from_torch;
  dict["from_names"] = report.counts.from_names;
  dict["from_weights"] = report.counts.from_weights;
  add_stages(dict, report.stages);
  return dict;
}

int64_t opset_of(const std::string& path) {
  const nb::gil_scoped_release release;
  const onnx::Model model = tag::load_onnx(path);
  for (const onnx::OpsetImport& opset : model.opsets) {
    if (opset.domain.empty() || opset.domain == "ai.onnx") return opset.version;
  }
  fail(path + ": uses no opset of ONNX's own operators");
}

nb::dict carry_file(const std::string& tagged, const std::string& optimised, const std::string& output,
                    bool keep_names) {
  tag::CarryReport report;
  {
    const nb::gil_scoped_release release;
    report = tag::carry_file(tagged, optimised, retag_options(output, "carry", keep_names));
  }
  nb::dict dict = to_python(report.summary);
  dict["by_tensor"] = report.counts.by_tensor;
  dict["merged"] = report.counts.merged;
  dict["by_name"] = report.counts.by_name;
  dict["by_structure"] = report.counts.by_structure;
  dict["by_derived_name"] = report.counts.by_derived_name;
  return dict;
}

}  // namespace

void bind_tags(nb::module_& module) {
  module.def("sidecar_path", &tag::sidecar_path, nb::arg("model_path"), "Where the sidecar of a model lies.");
  module.def("read_sidecar", &read_sidecar, nb::arg("path"),
             "The content of a model's sidecar (or of the sidecar at `path` itself), checked.");
  module.def(
      "load_tags", [](const std::string& path, const std::string& source) { return to_python(load(path, source)); },
      nb::arg("path"), nb::arg("source") = "auto", "One dict a node, in file order.");
  module.def("query_tags", &query_tags, nb::arg("path"), nb::arg("query"), nb::arg("source") = "auto",
             "The nodes that match a query (docs/tags.md).");
  module.def(
      "count_tags",
      [](const std::string& path, const std::string& by, const std::string& source) {
        return tag::count_by(load(path, source), by);
      },
      nb::arg("path"), nb::arg("by") = "tag", nb::arg("source") = "auto", "Nodes of each value of a field.");
  module.def("validate_tags", &validate_tags, nb::arg("path"), nb::arg("sidecar") = "",
             "What differs between an ONNX file's tags and its sidecar's.");
  module.def("check_coverage", &check_coverage, nb::arg("path"),
             "Nodes of an ONNX file; raises where one has no tag or no name of its own.");
  module.def("diff_tags", &diff_tags, nb::arg("before"), nb::arg("after"),
             "(tag, nodes before, nodes after) for each tag whose number of nodes differs.");
  module.def("export_csv", &export_csv, nb::arg("path"), nb::arg("csv_path"), nb::arg("source") = "auto",
             "Write one line a node.");
  module.def(
      "tag_file", &tag_file, nb::arg("input"), nb::arg("output"), nb::arg("modules"), nb::arg("strategy"),
      nb::arg("keep_names") = true, nb::arg("options") = nb::dict(),
      "Tag an ONNX file of others; `modules` are (path, class, parameters). `options` may hold metadata, evidence "
      "(all or names), operation_trace_length, require_context, explain and on_stage.");
  module.def("opset_of", &opset_of, nb::arg("path"), "The version of ONNX's own operators that a file uses.");
  module.def("carry_file", &carry_file, nb::arg("tagged"), nb::arg("optimised"), nb::arg("output"),
             nb::arg("keep_names") = true, "Carry tags over to a file that was made from a tagged one.");
}

}  // namespace modelexport::python
