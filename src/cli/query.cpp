// modelexport query: the nodes that match a query, as a table, names, JSON or CSV.
#include "tag/query.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "support/json.h"
#include "tag/analysis.h"

namespace modelexport::cli {
namespace {

enum class Format { Table, Names, Json, Csv, Count };

struct Options {
  std::string file;
  std::string query;
  std::string output = "-";
  Format format = Format::Table;
  tag::TagSource source = tag::TagSource::Auto;
};

using Selection = std::vector<tag::NodeRecord>;

void print_nodes_table(std::ostream& out, const Selection& nodes) {
  std::vector<std::vector<std::string>> rows = {{"op_type", "name", "tag"}};
  for (const tag::NodeRecord& node : nodes) rows.push_back({node.op_type, node.name, node.tag});
  print_table(out, rows, {false, false, false});
}

void print_nodes_json(std::ostream& stream, const Selection& nodes) {
  json::Writer out(stream);
  out.begin_array();
  for (const tag::NodeRecord& node : nodes) {
    out.begin_object(json::Layout::Line).member("name", node.name).member("op_type", node.op_type);
    out.member("tag", node.tag).member("module", node.module).member("call", node.call);
    out.member("provenance", name_of(node.provenance)).member("role", tag::name_of(node.role));
    out.member("aten", node.aten).member("graph", node.graph).member("sources", node.sources);
    out.member("inputs", node.inputs).member("outputs", node.outputs).end_object();
  }
  out.end_array();
}

void print_nodes(std::ostream& out, Format format, const Selection& nodes) {
  switch (format) {
    case Format::Table:
      return print_nodes_table(out, nodes);
    case Format::Names:
      for (const tag::NodeRecord& node : nodes) out << node.name << '\n';
      return;
    case Format::Json:
      return print_nodes_json(out, nodes);
    case Format::Csv:
      return tag::write_csv(out, nodes);
    case Format::Count:
      out << nodes.size() << '\n';
      return;
  }
}

int query(Console& console, const Options& options) {
  const tag::Query wanted(options.query);
  Selection nodes = tag::load_tags(options.file, options.source);
  std::erase_if(nodes, [&](const tag::NodeRecord& node) { return !wanted.matches(node); });
  write_output(console, options.output, [&](std::ostream& out) { print_nodes(out, options.format, nodes); });
  return nodes.empty() ? kFindings : kOk;
}

}  // namespace

void add_query(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("query", "List the nodes that match a query");
  command->add_option("file", options->file, "ONNX file or sidecar")->required()->option_text("FILE");
  command->add_option("query", options->query, "Query; all nodes when it is left out")->option_text("QUERY");
  add_choice<Format>(*command, "--format", "How to print them",
                     {{"table", Format::Table},
                      {"names", Format::Names},
                      {"json", Format::Json},
                      {"csv", Format::Csv},
                      {"count", Format::Count}},
                     options->format);
  add_source_option(*command, options->source);
  add_output_option(*command, options->output);
  command->footer(
      "Fields: module, tag, name, class, op, domain, aten, provenance, role, call.\n"
      "Exits with 1 when no node matches.\n"
      "Examples:\n"
      "  modelexport query bert.onnx 'module:encoder.layer.*.attention.** op:MatMul'\n"
      "  modelexport query bert.onnx 'class:BertLayer and not role:auxiliary' --format csv -o nodes.csv\n"
      "  modelexport query bert.onnx Attention --format count");
  command->callback([options, &action] { action = [options](Console& console) { return query(console, *options); }; });
}

}  // namespace modelexport::cli
