// modelexport export: a model to ONNX. A .pt2 file needs no Python; everything else is the host's to load and capture.
#include "modelexport/export.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

#include "cli/command.h"
#include "cli/config.h"
#include "cli/progress.h"
#include "support/environment.h"
#include "support/error.h"
#include "support/json.h"
#include "support/memory_limit.h"
#include "support/trace.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string input;
  std::string output;
  std::string config;
  std::string strategy = "htp";
  std::string model_class;
  std::string inputs;
  std::string metadata;
  std::string weights;
  std::string capture;
  bool verify = false;
  int64_t opset = 0;
  bool no_fold = false;
  bool optimize = false;
  bool external_data = false;
  bool keep_custom_ops = false;
  bool no_builtin_tracking = false;
  bool trust = false;
  bool verbose = false;
  bool json = false;
};

// What the export gave, as both ways report it.
struct Outcome {
  uint64_t operations = 0;
  uint64_t tagged = 0;
  uint64_t calls = 0;
  uint64_t regions = 0;
  uint64_t bytes = 0;
  uint64_t linked_bytes = 0;
  std::string strategy;
  std::string note;  // why another strategy was used
};

// The file's settings, and the command line's over them.
Config settings_of(const Options& options) {
  Config config;
  if (!options.config.empty()) config = read_config(options.config);
  if (options.opset != 0) config.set("opset_version", {options.opset});
  if (options.no_fold) config.set("do_constant_folding", {false});
  if (options.optimize) config.set("optimize", {true});
  if (options.external_data) config.set("external_data", {true});
  if (options.keep_custom_ops) config.set("custom_ops", {std::string("keep")});
  if (!options.metadata.empty()) config.set("metadata", {options.metadata});
  if (!options.weights.empty()) config.set("weights", {options.weights});
  if (!options.capture.empty()) config.set("capture", {options.capture});
  if (options.verify) config.set("verify", {true});
  if (!options.inputs.empty()) config.set("input_specs", parse_inputs(options.inputs));
  return config;
}

Outcome export_pt2(Console& console, const Options& options, const Config& config) {
  const Environment environment = read_environment();
  MemoryLimit limit(environment.memory_limit_bytes());
  const double start = Stages::now();
  ExportOptions exporting = export_options(config);
  exporting.explain = environment.explain_auxiliary;
  Progress progress(console.err, !options.verbose && is_terminal(console.err));
  exporting.on_stage = [&](const std::string& name) {
    progress.stage(name);
    if (options.verbose) console.err << "modelexport: " << name << '\n';
  };
  const ExportReport report = export_program(options.input, options.output, exporting);
  for (const std::string& decision : report.decisions) console.err << "modelexport: auxiliary " << decision << '\n';
  if (environment.profiling) {
    write_trace(trace_path(options.output), {"export", start, Stages::now() - start}, report.stages.times());
  }
  return {report.total_operations,
          report.tagged_operations,
          report.operation_trace_length,
          report.native_op_regions,
          report.file_bytes,
          report.linked_bytes,
          exporting.strategy,
          ""};
}

std::string request_of(const Options& options, const Config& config) {
  std::ostringstream text;
  json::Writer out(text);
  out.begin_object().member("source", options.input).member("output", options.output);
  out.member("strategy", options.strategy).member("builtin_tracking", !options.no_builtin_tracking);
  out.member("model_class", options.model_class).member("trust", options.trust).member("verbose", options.verbose);
  out.key("settings").begin_array();
  for (const Setting& setting : config.settings) {
    out.begin_object().member("key", setting.key).key("value").value(setting.value);
    out.member("where", setting.line == 0 ? "" : fmt::format("{}: line {}", config.path, setting.line)).end_object();
  }
  out.end_array().end_object();
  return text.str();
}

Outcome export_by_host(Console& console, const Options& options, const Config& config) {
  if (!console.host) {
    fail(
        fmt::format("{}: this takes Python; use the `modelexport` that the Python package installs (without Python, "
                    "files of torch.export.save, *.pt2, are exported with the strategy htp)",
                    options.input));
  }
  const json::Value result = json::parse(console.host("export", request_of(options, config)));
  const auto count = [&](const char* key) {
    const json::Value* value = result.find(key);
    return value == nullptr ? 0 : static_cast<uint64_t>(value->integer());
  };
  const json::Value* note = result.find("fallback_reason");
  return {count("total_operations"),
          count("tagged_operations"),
          count("operation_trace_length"),
          count("native_op_regions"),
          count("file_bytes"),
          count("linked_bytes"),
          result.at("strategy").string(),
          note == nullptr ? "" : note->string()};
}

void print_json(Console& console, const Options& options, const Outcome& outcome) {
  json::Writer out(console.out);
  out.begin_object().member("output_path", options.output).member("strategy", outcome.strategy);
  if (!outcome.note.empty()) out.member("fallback_reason", outcome.note);
  out.member("total_operations", outcome.operations).member("tagged_operations", outcome.tagged);
  out.member("operation_trace_length", outcome.calls).member("native_op_regions", outcome.regions);
  out.member("file_bytes", outcome.bytes).member("linked_bytes", outcome.linked_bytes).end_object();
}

int export_model(Console& console, const Options& options) {
  const Config config = settings_of(options);
  const bool is_native = options.input.ends_with(".pt2") && options.strategy != "usage_based" &&
                         !options.no_builtin_tracking && options.model_class.empty();
  const Outcome outcome = is_native ? export_pt2(console, options, config) : export_by_host(console, options, config);
  if (options.json) {
    print_json(console, options, outcome);
    return kOk;
  }
  console.out << fmt::format("{}: {} nodes, {} tagged, from {} calls; {} bytes", options.output, outcome.operations,
                             outcome.tagged, outcome.calls, outcome.bytes);
  if (outcome.linked_bytes > 0) console.out << fmt::format(", {} linked in {}", outcome.linked_bytes, options.input);
  console.out << '\n';
  if (!outcome.note.empty()) console.out << fmt::format("exported with {}: {}\n", outcome.strategy, outcome.note);
  return kOk;
}

void add_capture_options(CLI::App& command, Options& options) {
  add_choice(command, "--strategy", "How operations get their modules", {"htp", "usage_based", "auto"},
             options.strategy);
  command.add_flag("--no-builtin-tracking", options.no_builtin_tracking,
                   "htp: let torch.onnx.export write the file, and project the modules onto its nodes");
  add_choice(command, "--capture", "What sees the operators: a trace, torch.export, or a trace where that is sound",
             {"export", "trace", "auto"}, options.capture);
  command.add_flag("--verify", options.verify, "Compare the written file with the model in onnxruntime");
  command.add_option("--model-class", options.model_class, "Class or function of a .py file that makes the model")
      ->option_text("NAME");
  command.add_option("--inputs", options.inputs, "Example inputs: \"input_ids=int64[1,128] mask=bool[1,128]\"")
      ->option_text("INPUTS");
  command.add_flag("--trust", options.trust, "Load pickled modules and remote code, which may run anything");
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "Export a model to ONNX, with its sidecar beside it");
  command
      ->add_option("input", options->input,
                   "A .py file, a .pt2 file, a saved module, a transformers folder, or package.module:attribute")
      ->required()
      ->option_text("MODEL");
  command->add_option("output", options->output, "ONNX file to write")->required()->option_text("ONNX");
  command->add_option("--config", options->config, "JSON file of options")->option_text("FILE");
  add_capture_options(*command, *options);
  command->add_option("--opset", options->opset, "Opset version, 20 unless given")->option_text("N");
  command->add_flag("--no-fold", options->no_fold, "Leave constant parts unevaluated");
  command->add_flag("--optimize", options->optimize, "Also fold and fuse across modules");
  command->add_flag("--external-data", options->external_data, "Put the weights into a file of their own");
  command->add_flag("--keep-custom-ops", options->keep_custom_ops, "Keep unknown operators as nodes of their domain");
  add_choice(*command, "--weights", "copy them, or link to the file that they lie in", {"copy", "link"},
             options->weights);
  add_choice(*command, "--metadata", "Which keys to write to nodes", {"full", "minimal", "none"}, options->metadata);
  command->add_flag("--json", options->json, "Print JSON");
  command->add_flag("--verbose", options->verbose, "Log the stages to standard error");
  command->footer(
      "Examples:\n  modelexport export model.py model.onnx --strategy htp --config export.json\n"
      "  modelexport export bert.pt2 bert.onnx --opset 17\n"
      "  modelexport export net.pt2 net.onnx --weights=link");
  command->callback([options, &action] {
    if (options->no_builtin_tracking && options->strategy != "htp") {
      throw CLI::ValidationError("--no-builtin-tracking is a form of the strategy htp");
    }
    // Two files are written, which appear together.
    if (options->output == "-") throw CLI::ValidationError("export writes no standard output; name an ONNX file");
    action = [options](Console& console) { return export_model(console, *options); };
  });
}

}  // namespace modelexport::cli
