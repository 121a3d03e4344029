// modelexport validate: whether an ONNX file's metadata and its sidecar say the same.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "support/json.h"
#include "tag/analysis.h"
#include "tag/retag.h"

namespace modelexport::cli {
namespace {

constexpr std::size_t kShown = 20;

struct Options {
  std::string file;
  std::string sidecar;
  bool repair = false;
  bool json = false;
};

void print_names(std::ostream& out, const char* what, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) out << fmt::format("{}: {}\n", what, names[i]);
  if (names.size() > kShown) out << fmt::format("{}: {} more\n", what, names.size() - kShown);
}

void print_text(std::ostream& out, const tag::Consistency& result, const std::vector<std::string>& repaired) {
  for (const std::string& path : repaired) out << fmt::format("wrote {}\n", path);
  std::vector<std::string> mismatches;
  for (const tag::Mismatch& m : result.mismatches) {
    mismatches.push_back(
        fmt::format("{}: {} is '{}' in the ONNX file, '{}' in the sidecar", m.node, m.field, m.in_onnx, m.in_sidecar));
  }
  if (!result.is_of_this_model) out << "the sidecar was written for another model\n";
  print_names(out, "mismatch", mismatches);
  print_names(out, "only in the ONNX file", result.only_in_onnx);
  print_names(out, "only in the sidecar", result.only_in_sidecar);
  print_names(out, "name of several nodes", result.repeated_in_onnx);
  if (!result.consistent()) return;
  out << fmt::format("consistent: {} nodes{}\n", result.nodes,
                     result.onnx_has_tags ? "" : " (the ONNX file holds no tags; names and op types were compared)");
}

void print_json(std::ostream& stream, const tag::Consistency& result, const std::vector<std::string>& repaired) {
  json::Writer out(stream);
  out.begin_object().member("consistent", result.consistent()).member("onnx_has_tags", result.onnx_has_tags);
  out.member("sidecar_is_of_this_model", result.is_of_this_model);
  out.key("mismatches").begin_array();
  for (const tag::Mismatch& m : result.mismatches) {
    out.begin_object(json::Layout::Line).member("node", m.node).member("field", m.field);
    out.member("onnx", m.in_onnx).member("sidecar", m.in_sidecar).end_object();
  }
  out.end_array().member("only_in_onnx", result.only_in_onnx).member("only_in_sidecar", result.only_in_sidecar);
  out.member("repeated_in_onnx", result.repeated_in_onnx).member("repaired", repaired).end_object();
}

int validate(Console& console, const Options& options) {
  std::vector<std::string> repaired;
  if (options.repair) repaired = tag::repair_file(options.file);
  const tag::Consistency result = tag::validate_file(options.file, options.sidecar);
  options.json ? print_json(console.out, result, repaired) : print_text(console.out, result, repaired);
  return result.consistent() ? kOk : kFindings;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("validate", "Compare the tags of an ONNX file with its sidecar's");
  command->add_option("file", options->file, "ONNX file")->required()->option_text("FILE");
  command->add_option("--sidecar", options->sidecar, "Sidecar, when it is not beside the file")->option_text("FILE");
  command->add_flag("--repair", options->repair, "Write the sidecar anew from the tags in the file, where they differ")
      ->excludes("--sidecar");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Exits with 1 when they differ.\nExamples:\n  modelexport validate bert.onnx\n  modelexport validate bert.onnx "
      "--repair");
  command->callback(
      [options, &action] { action = [options](Console& console) { return validate(console, *options); }; });
}

}  // namespace modelexport::cli
