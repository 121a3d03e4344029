#include "pipeline.h"

#include <ostream>
#include <string>

#include "lower/flex_attention.h"
#include "lower/functionalize.h"
#include "lower/inline_wrappers.h"
#include "lower/lower.h"
#include "lower/op_table.h"
#include "lower/unbatch.h"
#include "onnx/writer.h"
#include "passes/name_values.h"
#include "passes/pass.h"
#include "program/inherit.h"
#include "support/atomic_file.h"
#include "support/error.h"
#include "tag/coverage.h"
#include "tag/explain.h"
#include "tag/sidecar.h"

namespace modelexport {

namespace {

lower::LowerOptions lower_options(const PipelineOptions& options) {
  lower::LowerOptions result;
  result.opset = options.opset;
  result.fold_constants = options.fold_constants;
  result.export_params = options.export_params;
  result.custom_ops_keep = options.custom_ops_keep;
  result.translations = options.translations;
  result.input_names = options.input_names;
  result.output_names = options.output_names;
  return result;
}

// The counts of docs/tags.md, from what is about to be written.
void count(const tag::TagSummary& summary, ExportReport& report) {
  report.total_operations = summary.operations;
  report.merged_operations = summary.merged;
  report.inherited_operations = summary.inherited;
  report.fallback_operations = summary.fallback;
  report.unrecorded_operations = summary.inherited + summary.fallback;
  report.auxiliary_operations = summary.auxiliary;
  report.tagged_auxiliary = summary.auxiliary;
  report.inherited_auxiliary = summary.inherited_auxiliary;
  report.fallback_auxiliary = summary.fallback_auxiliary;
  report.auxiliary_types = summary.auxiliary_types;
}

// An input that has an initializer is one with a default.
void list_parameters_as_inputs(onnx::Model& model) {
  for (const onnx::Initializer& initializer : model.initializers) {
    if (initializer.is_parameter) model.graph.inputs.push_back(initializer.value);
  }
}

}  // namespace

void check_opset(int64_t opset) {
  constexpr int64_t kFirst = 14;
  constexpr int64_t kLast = 28;
  if (opset < kFirst || opset > kLast) {
    fail("opset " + std::to_string(opset) + " is out of range: " + std::to_string(kFirst) + " to " +
         std::to_string(kLast) + " can be written");
  }
}

const program::Schema* find_schema(std::string_view target) {
  const lower::Entry* entry = lower::find_op(target);
  return entry == nullptr ? nullptr : &entry->schema;
}

onnx::Model lower_program(program::Program& program, const PipelineOptions& options, ExportReport& report) {
  check_opset(options.opset);
  report.stages.observer = options.on_stage;
  report.operation_trace_length = 0;
  for (const auto& graph : program.graphs) report.operation_trace_length += graph->nodes.size();

  // flex_attention becomes matmuls, a softmax, and its functions under torch.vmap.
  report.stages.run("functionalize", [&] { lower::write_out_flex_attention(program); });

  // Regions under no_grad, autocast, ... become part of the graph around them.
  report.stages.run("functionalize", [&] { lower::inline_wrappers(program); });

  // torch.vmap becomes calls on whole batches.
  report.stages.run("functionalize", [&] { lower::unbatch(program); });

  // Calls without a module record get the scope of their neighbours.
  report.stages.run("inheritance", [&] { program::inherit_scopes(program); });

  // What has none that could tell belongs to the root.
  report.stages.run("fallback", [&] { program::fall_back(program, options.require_context); });

  // In-place operations and views become values.
  report.mutated =
      report.stages.run("functionalize", [&] { return lower::functionalize(program, {options.buffer_outputs}); })
          .mutated;

  // ATen calls become ONNX nodes, each with its scope.
  lower::LowerReport lowered;
  onnx::Model model =
      report.stages.run("lower", [&] { return lower::lower(program, lower_options(options), lowered); });
  report.native_op_regions = lowered.regions;

  // What is left to tidy: dead nodes, chains, weights that are read transposed.
  report.stages.run("passes", [&] {
    passes::run_passes(model, {program.modules, options.optimize, options.link_weights});
  });
  return model;
}

ExportReport export_program(program::Program& program, const std::string& path, const PipelineOptions& options) {
  ExportReport report;
  onnx::Model model = lower_program(program, options, report);

  // What it was lowered from has done its work; its memory serves what follows.
  program.graphs.clear();

  // Names and metadata from scopes; no node may be without.
  const tag::TagSummary summary = report.stages.run("tag", [&] {
    tag::TagSummary tagged = tag::tag_model(model, program.modules, {options.metadata, true});
    passes::name_values(model);
    report.tagged_operations = tag::check_coverage(model, tagged, options.metadata);
    return tagged;
  });
  count(summary, report);
  if (options.explain) report.decisions = tag::explain_auxiliary(model, program.modules);
  if (options.keep_initializers_as_inputs) list_parameters_as_inputs(model);

  // The model and its sidecar appear together, or not at all.
  report.stages.run("write", [&] {
    AtomicFiles files(options.durable);
    const onnx::WriteOptions write_options{.external_data = options.external_data,
                                           .link_weights = options.link_weights};
    const onnx::WriteResult written = onnx::write_model(model, path, write_options, files);
    report.file_bytes = written.bytes;
    report.linked_bytes = written.linked_bytes;
    tag::SidecarInfo info;
    info.model_path = path;
    info.strategy = options.strategy;
    info.capture = options.capture;
    info.specialised = options.specialised;
    info.operation_trace_length = report.operation_trace_length;
    info.native_op_regions = report.native_op_regions;
    tag::write_sidecar(files.open(tag::sidecar_path(path)), model, program.modules, summary, info);
    files.commit();
  });
  return report;
}

}  // namespace modelexport
