// modelexport inspect: the module tree of an ONNX file with node counts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>
#include <unordered_set>

#include "cli/command.h"
#include "support/error.h"
#include "support/json.h"
#include "tag/load.h"
#include "tag/outline.h"

namespace modelexport::cli {
namespace {

struct Options {
  std::string file;
  std::size_t depth = std::numeric_limits<std::size_t>::max();
  bool json = false;
};

struct Overview {
  onnx::Model model;
  std::vector<tag::NodeRecord> nodes;
  std::vector<tag::OutlineEntry> modules;
  uint64_t tagged = 0;
};

bool has_tag(const tag::NodeRecord& node) { return !node.tag.empty(); }

Overview look_at(const std::string& file) {
  Overview overview;
  overview.model = tag::load_onnx(file);
  overview.nodes = tag::load_known_tags(file, overview.model);
  overview.tagged = static_cast<uint64_t>(std::count_if(overview.nodes.begin(), overview.nodes.end(), has_tag));
  overview.modules = tag::outline(overview.model, overview.nodes);
  return overview;
}

// "layer.0" of "encoder.layer.0" inside "encoder".
std::string relative_path(const tag::OutlineEntry& entry, const tag::OutlineEntry& parent) {
  return parent.path.empty() ? entry.path : entry.path.substr(parent.path.size() + 1);
}

void add_rows(const std::vector<tag::OutlineEntry>& modules, std::size_t i, std::size_t depth, std::size_t max_depth,
              std::vector<std::vector<std::string>>& rows) {
  const tag::OutlineEntry& entry = modules[i];
  std::string label = std::string(2 * depth, ' ');
  if (i != 0) label += relative_path(entry, modules[entry.parent]) + ": ";
  label += entry.class_name.empty() ? "(unknown class)" : entry.class_name;
  if (entry.calls > 1) label += fmt::format("  x{} calls", entry.calls);
  rows.push_back({std::to_string(entry.nodes), std::to_string(entry.own_nodes), label});
  if (depth >= max_depth) return;
  for (const std::size_t child : entry.children) add_rows(modules, child, depth + 1, max_depth, rows);
}

void print_text(Console& console, const Options& options, const Overview& overview) {
  std::string opsets;
  for (const onnx::OpsetImport& opset : overview.model.opsets) {
    opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", opset.domain.empty() ? "ai.onnx" : opset.domain,
                          opset.version);
  }
  console.out << fmt::format("{}: {} nodes, {} tagged, {} initializers, {}, IR version {}\n", options.file,
                             overview.nodes.size(), overview.tagged, overview.model.initializers.size(), opsets,
                             overview.model.ir_version);
  std::vector<std::vector<std::string>> rows = {{"nodes", "own", "module"}};
  add_rows(overview.modules, 0, 0, options.depth, rows);
  print_table(console.out, rows, {true, true, false});
}

void print_json_modules(json::Writer& out, const std::vector<tag::OutlineEntry>& modules, std::size_t i,
                        std::size_t depth, std::size_t max_depth) {
  const tag::OutlineEntry& entry = modules[i];
  out.begin_object(json::Layout::Line).member("path", entry.path).member("class", entry.class_name);
  out.member("nodes", entry.nodes).member("own_nodes", entry.own_nodes).member("calls", entry.calls).end_object();
  if (depth >= max_depth) return;
  for (const std::size_t child : entry.children) print_json_modules(out, modules, child, depth + 1, max_depth);
}

void print_json(Console& console, const Options& options, const Overview& overview) {
  json::Writer out(console.out);
  out.begin_object().member("file", options.file).member("ir_version", overview.model.ir_version);
  out.key("opsets").begin_object(json::Layout::Line);
  std::unordered_set<std::string_view> domains;
  for (const onnx::OpsetImport& opset : overview.model.opsets) {
    if (domains.insert(opset.domain).second) out.member(opset.domain, opset.version);
  }
  out.end_object();
  out.member("nodes", static_cast<uint64_t>(overview.nodes.size())).member("tagged", overview.tagged);
  out.member("initializers", static_cast<uint64_t>(overview.model.initializers.size()));
  out.key("modules").begin_array();
  print_json_modules(out, overview.modules, 0, 0, options.depth);
  out.end_array().end_object();
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Print the module tree of an ONNX file with node counts");
  command->add_option("file", options->file, "ONNX file")->required()->option_text("FILE");
  command->add_option("--depth", options->depth, "Levels of modules to print below the root")->option_text("N");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Examples:\n  modelexport inspect bert.onnx\n  modelexport inspect bert.onnx --depth 2 --json");
  command->callback([options, &action] {
    action = [options](Console& console) {
      const Overview overview = look_at(options->file);
      options->json ? print_json(console, *options, overview) : print_text(console, *options, overview);
      return kOk;
    };
  });
}

}  // namespace modelexport::cli
