// modelexport stats: how many nodes each tag (module, class, op type, ...) has.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "cli/command.h"
#include "support/json.h"
#include "tag/analysis.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string file;
  std::string by = "tag";
  bool json = false;
  tag::TagSource source = tag::TagSource::Auto;
};

int stats(Console& console, const Options& options) {
  const std::vector<tag::NodeRecord> nodes = tag::load_tags(options.file, options.source);
  const std::map<std::string, uint64_t> counts = tag::count_by(nodes, options.by);
  if (options.json) {
    json::Writer out(console.out);
    out.begin_object();
    for (const auto& [key, count] : counts) out.member(key, count);
    out.end_object();
    return kOk;
  }
  std::vector<std::pair<std::string, uint64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::vector<std::string>> rows = {{"nodes", options.by}};
  for (const auto& [key, count] : sorted) rows.push_back({std::to_string(count), key});
  print_table(console.out, rows, {true, false});
  return kOk;
}

}  // namespace

void add_stats(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("stats", "Count nodes by tag, module, class, op type, ...");
  command->add_option("file", options->file, "ONNX file or sidecar")->required()->option_text("FILE");
  add_choice(*command, "--by", "What to count by", tag::countable_fields(),
             [options](std::size_t i) { options->by = tag::countable_fields()[i]; });
  command->add_flag("--json", options->json, "Print JSON");
  add_source_option(*command, options->source);
  command->footer("Examples:\n  modelexport stats bert.onnx\n  modelexport stats bert.onnx --by op --json");
  command->callback([options, &action] { action = [options](Console& console) { return stats(console, *options); }; });
}

}  // namespace modelexport::cli
