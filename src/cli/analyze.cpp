// modelexport analyze: how well an ONNX file is tagged, and what its auxiliary operations are.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <map>
#include <memory>

#include "cli/command.h"
#include "support/json.h"
#include "tag/analysis.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string file;
  bool json = false;
  tag::TagSource source = tag::TagSource::Auto;
};

struct Analysis {
  uint64_t operations = 0;
  uint64_t tagged = 0;
  std::size_t unique_tags = 0;
  std::map<std::string, uint64_t> provenance;
  uint64_t auxiliary = 0;
  uint64_t tagged_auxiliary = 0;
  uint64_t inherited_auxiliary = 0;
  uint64_t fallback_auxiliary = 0;
  std::map<std::string, uint64_t> auxiliary_types;
};

Analysis analyze_nodes(const std::vector<tag::NodeRecord>& nodes) {
  Analysis result;
  result.operations = nodes.size();
  result.unique_tags = tag::count_tags(nodes).size();
  for (const tag::NodeRecord& node : nodes) {
    const bool tagged = !node.tag.empty();
    result.tagged += tagged ? 1 : 0;
    if (tagged) ++result.provenance[std::string(name_of(node.provenance))];
    if (node.role != onnx::Role::Auxiliary) continue;
    ++result.auxiliary;
    result.tagged_auxiliary += tagged ? 1 : 0;
    result.inherited_auxiliary += node.provenance == Provenance::Inherited ? 1 : 0;
    result.fallback_auxiliary += node.provenance == Provenance::Fallback ? 1 : 0;
    ++result.auxiliary_types[node.op_type];
  }
  return result;
}

void write_counts(json::Writer& out, const char* key, const std::map<std::string, uint64_t>& counts) {
  out.key(key).begin_object(json::Layout::Line);
  for (const auto& [name, count] : counts) out.member(name, count);
  out.end_object();
}

// The keys are those of an export's result.
void print_json(std::ostream& stream, const Analysis& analysis) {
  json::Writer out(stream);
  out.begin_object().member("total_operations", analysis.operations).member("tagged_operations", analysis.tagged);
  out.member("unique_tags", static_cast<uint64_t>(analysis.unique_tags));
  write_counts(out, "provenance", analysis.provenance);
  out.key("auxiliary_operations_analysis").begin_object();
  out.member("total_auxiliary_ops", analysis.auxiliary).member("tagged_auxiliary_ops", analysis.tagged_auxiliary);
  out.member("context_inherited", analysis.inherited_auxiliary);
  out.member("fallback_tagged", analysis.fallback_auxiliary);
  write_counts(out, "operation_types", analysis.auxiliary_types);
  out.end_object().end_object();
}

void print_text(std::ostream& out, const Analysis& analysis) {
  out << fmt::format("{} of {} nodes tagged, {} unique tags\n", analysis.tagged, analysis.operations,
                     analysis.unique_tags);
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, count] : analysis.provenance) rows.push_back({std::to_string(count), name});
  rows.push_back({std::to_string(analysis.auxiliary), "auxiliary"});
  for (const auto& [type, count] : analysis.auxiliary_types) rows.push_back({std::to_string(count), "  " + type});
  print_table(out, rows, {true, false});
}

int analyze(Console& console, const Options& options) {
  const Analysis analysis = analyze_nodes(tag::load_tags(options.file, options.source));
  options.json ? print_json(console.out, analysis) : print_text(console.out, analysis);
  return analysis.tagged == analysis.operations ? kOk : kFindings;
}

}  // namespace

void add_analyze(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("analyze", "Sum up coverage, provenance and auxiliary operations");
  command->add_option("file", options->file, "ONNX file or sidecar")->required()->option_text("FILE");
  command->add_flag("--json", options->json, "Print JSON");
  add_source_option(*command, options->source);
  command->footer("Exits with 1 when a node has no tag.\nExamples:\n  modelexport analyze bert.onnx --json");
  command->callback(
      [options, &action] { action = [options](Console& console) { return analyze(console, *options); }; });
}

}  // namespace modelexport::cli
