// modelexport tag and modelexport carry: tags for ONNX files that exist already.
#include "tag/retag.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "cli/command.h"
#include "cli/read_program.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string tagged;
  std::string file;
  std::string output;
  std::string modules;
  std::string pt2;
  bool in_place = false;
  bool rename = false;
  MetadataLevel metadata = MetadataLevel::Full;
};

tag::RetagOptions retag_options(const Options& options, const char* strategy) {
  tag::RetagOptions result;
  result.output = options.in_place ? options.file : options.output;
  result.metadata = options.metadata;
  result.keep_names = !options.rename;
  result.strategy = strategy;
  return result;
}

void print_counts(Console& console, const std::string& output, const tag::TagSummary& summary,
                  const std::vector<std::pair<const char*, uint64_t>>& counts) {
  console.out << fmt::format("{}: {} nodes tagged\n", output, summary.operations);
  std::vector<std::vector<std::string>> rows;
  for (const auto& [what, count] : counts) {
    if (count != 0) rows.push_back({std::to_string(count), what});
  }
  print_table(console.out, rows, {true, false});
}

// The modules that were called when a .pt2 file was captured.
std::vector<ModuleInfo> modules_of_pt2(const std::string& path) {
  const program::Program program = read_program(path);
  std::vector<ModuleInfo> modules;
  std::unordered_set<std::string_view> seen;
  for (ScopeId scope = 0; scope < program.modules.size(); ++scope) {
    const ModuleCall& call = program.modules[scope];
    if (seen.insert(call.path).second) modules.push_back({call.path, call.qualified_class, 0});
  }
  return modules;
}

int tag_file(Console& console, const Options& options) {
  const tag::RetagOptions retag = retag_options(options, "project");
  std::vector<ModuleInfo> modules;
  if (!options.modules.empty()) modules = tag::read_module_list(options.modules);
  if (!options.pt2.empty()) modules = modules_of_pt2(options.pt2);
  const tag::ProjectReport report = tag::tag_file(options.file, std::move(modules), retag);
  const tag::ProjectionCounts& counts = report.counts;
  print_counts(console, retag.output, report.summary,
               {{"from its tags", counts.from_tags},
                {"from torch's metadata", counts.from_torch},
                {"from scope names", counts.from_names},
                {"from the names of weights", counts.from_weights},
                {"inherited along the data flow", counts.inherited},
                {"fallback: the root", counts.fallback}});
  return kOk;
}

int carry_file(Console& console, const Options& options) {
  const tag::RetagOptions retag = retag_options(options, "carry");
  const tag::CarryReport report = tag::carry_file(options.tagged, options.file, retag);
  const tag::CarryCounts& counts = report.counts;
  print_counts(console, retag.output, report.summary,
               {{"by the tensor that they compute", counts.by_tensor},
                {"merged from several nodes", counts.merged},
                {"by name", counts.by_name},
                {"by structure", counts.by_structure},
                {"by a name made from that of a tensor", counts.by_derived_name},
                {"inherited along the data flow", counts.inherited},
                {"fallback: the root", counts.fallback}});
  return kOk;
}

void add_shared_options(CLI::App& command, Options& options) {
  command.add_option("-o,--output", options.output, "Tagged file to write, with its sidecar beside it")
      ->option_text("FILE");
  command.add_flag("--in-place", options.in_place, "Replace the file by its tagged form");
  command.add_flag("--rename", options.rename, "Name every node after its module");
  add_metadata_option(command, options.metadata);
}

void check_target(const Options& options) {
  if (options.in_place != options.output.empty()) {
    throw CLI::ValidationError("say where the tagged file goes: either --output or --in-place");
  }
}

}  // namespace

void add_tag(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tag", "Tag an ONNX file made by others, from what it holds");
  command->add_option("file", options->file, "ONNX file")->required()->option_text("FILE");
  command->add_option("--modules", options->modules, "JSON of the model's modules: path to class, or a sidecar")
      ->option_text("FILE");
  command->add_option("--pt2", options->pt2, "The model as torch.export.save wrote it, for its modules")
      ->option_text("FILE")
      ->excludes("--modules");
  add_shared_options(*command, *options);
  command->footer("Examples:\n  modelexport tag resnet.onnx --modules modules.json -o tagged.onnx");
  command->callback([options, &action] {
    check_target(*options);
    action = [options](Console& console) { return tag_file(console, *options); };
  });
}

void add_carry(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("carry", "Carry tags over to the output of an optimiser or quantizer");
  command->add_option("tagged", options->tagged, "Tagged ONNX file")->required()->option_text("TAGGED");
  command->add_option("file", options->file, "ONNX file that was made from it")->required()->option_text("FILE");
  add_shared_options(*command, *options);
  command->footer("Examples:\n  modelexport carry bert.onnx bert_quantized.onnx --in-place");
  command->callback([options, &action] {
    check_target(*options);
    action = [options](Console& console) { return carry_file(console, *options); };
  });
}

}  // namespace modelexport::cli
