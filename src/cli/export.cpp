// modelexport export: a .pt2 file of torch.export.save to ONNX, without Python.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/read_program.h"
#include "pipeline.h"
#include "support/json.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string input;
  std::string output;
  ExportOptions exporting;
  bool no_fold = false;
  bool json = false;
};

void print_json(Console& console, const Options& options, const ExportReport& report) {
  json::Writer out(console.out);
  out.begin_object().member("output_path", options.output);
  out.member("total_operations", report.total_operations).member("tagged_operations", report.tagged_operations);
  out.member("operation_trace_length", report.operation_trace_length);
  out.member("native_op_regions", report.native_op_regions);
  out.member("file_bytes", report.file_bytes).member("linked_bytes", report.linked_bytes).end_object();
}

int export_model(Console& console, const Options& options) {
  ExportOptions exporting = options.exporting;
  exporting.fold_constants = !options.no_fold;
  program::Program program = read_program(options.input);
  const ExportReport report = export_program(program, options.output, exporting);
  if (options.json) {
    print_json(console, options, report);
  } else {
    console.out << fmt::format("{}: {} nodes, {} tagged, from {} calls; {} bytes", options.output,
                               report.total_operations, report.tagged_operations, report.operation_trace_length,
                               report.file_bytes);
    if (report.linked_bytes > 0) console.out << fmt::format(", {} linked in {}", report.linked_bytes, options.input);
    console.out << '\n';
  }
  return kOk;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  ExportOptions& exporting = options->exporting;
  CLI::App* command = app.add_subcommand("export", "Export a .pt2 file to ONNX, with its sidecar beside it");
  command->add_option("input", options->input, "File that torch.export.save wrote")->required()->option_text("PT2");
  command->add_option("output", options->output, "ONNX file to write")->required()->option_text("ONNX");
  command->add_option("--opset", exporting.opset, "Opset version, 20 unless given")->option_text("N");
  command->add_flag("--no-fold", options->no_fold, "Leave constant parts unevaluated");
  command->add_flag("--optimize", exporting.optimize, "Also fold and fuse across modules");
  command->add_flag("--external-data", exporting.external_data, "Put the weights into a file of their own");
  add_choice<bool>(*command, "--weights", "copy them, or link to where they lie in the .pt2 file",
                   {{"copy", false}, {"link", true}}, exporting.link_weights);
  command->add_flag("--keep-custom-ops", exporting.custom_ops_keep, "Keep unknown operators as nodes of their domain");
  add_metadata_option(*command, exporting.metadata);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Examples:\n  modelexport export bert.pt2 bert.onnx\n  modelexport export net.pt2 net.onnx --opset 17\n"
      "  modelexport export net.pt2 net.onnx --weights=link");
  command->callback(
      [options, &action] { action = [options](Console& console) { return export_model(console, *options); }; });
}

}  // namespace modelexport::cli
