// modelexport diff: the tags whose node counts differ between two models.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "support/json.h"
#include "tag/analysis.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string before;
  std::string after;
  bool json = false;
  tag::TagSource source = tag::TagSource::Auto;
};

int diff(Console& console, const Options& options) {
  const std::vector<tag::TagChange> changes =
      tag::diff_tags(tag::load_tags(options.before, options.source), tag::load_tags(options.after, options.source));
  if (options.json) {
    json::Writer out(console.out);
    out.begin_array();
    for (const tag::TagChange& change : changes) {
      out.begin_object(json::Layout::Line).member("tag", change.tag);
      out.member("before", change.before).member("after", change.after).end_object();
    }
    out.end_array();
  } else if (!changes.empty()) {
    std::vector<std::vector<std::string>> rows = {{"before", "after", "tag"}};
    for (const tag::TagChange& change : changes) {
      rows.push_back({std::to_string(change.before), std::to_string(change.after), change.tag});
    }
    print_table(console.out, rows, {true, true, false});
  }
  return changes.empty() ? kOk : kFindings;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("diff", "Compare the node counts of two models tag by tag");
  command->alias("compare");
  command->add_option("before", options->before, "ONNX file or sidecar")->required()->option_text("BEFORE");
  command->add_option("after", options->after, "ONNX file or sidecar")->required()->option_text("AFTER");
  command->add_flag("--json", options->json, "Print JSON");
  add_source_option(*command, options->source);
  command->footer("Exits with 1 when they differ.\nExamples:\n  modelexport diff bert.onnx bert_optimized.onnx");
  command->callback([options, &action] { action = [options](Console& console) { return diff(console, *options); }; });
}

}  // namespace modelexport::cli
