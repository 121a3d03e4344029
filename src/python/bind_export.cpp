// modelexport._core.export_exported_program and export_pt2: the doors.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "pipeline.h"
#include "program/pt2_reader.h"
#include "program/treespec.h"
#include "python/bindings.h"
#include "python/fx_reader.h"
#include "python/option_dict.h"
#include "python/stage_dict.h"
#include "python/trace_recorder.h"
#include "python/translate.h"
#include "support/environment.h"
#include "support/memory_limit.h"

namespace modelexport::python {

namespace {

using AnyDict = nb::typed<nb::dict, nb::str, nb::any>;
// (path, qualified class, elements of its own parameters), as named_modules() lists them.
using ModuleRow = std::tuple<std::string, std::string, uint64_t>;

PipelineOptions read_options(const nb::dict& given) {
  PipelineOptions options;
  std::string metadata = "full";
  take(given, "opset", options.opset);
  take(given, "fold_constants", options.fold_constants);
  take(given, "optimize", options.optimize);
  take(given, "metadata", metadata);
  take(given, "external_data", options.external_data);
  take(given, "link_weights", options.link_weights);
  take(given, "export_params", options.export_params);
  take(given, "buffer_outputs", options.buffer_outputs);
  take(given, "custom_ops_keep", options.custom_ops_keep);
  take(given, "input_names", options.input_names);
  take(given, "output_names", options.output_names);
  take(given, "keep_initializers_as_inputs", options.keep_initializers_as_inputs);
  take(given, "strategy", options.strategy);
  take(given, "require_context", options.require_context);
  take(given, "explain", options.explain);
  take(given, "capture", options.capture);
  take(given, "specialised", options.specialised);
  options.translations = read_translations(given);
  options.on_stage = stage_observer(given);
  options.metadata = metadata_level(metadata);
  return options;
}

AnyDict to_dict(const ExportReport& report) {
  AnyDict result;
  result["total_operations"] = report.total_operations;
  result["tagged_operations"] = report.tagged_operations;
  result["operation_trace_length"] = report.operation_trace_length;
  result["native_op_regions"] = report.native_op_regions;
  result["unrecorded_operations"] = report.unrecorded_operations;
  result["inherited_operations"] = report.inherited_operations;
  result["fallback_operations"] = report.fallback_operations;
  result["auxiliary_operations"] = report.auxiliary_operations;
  result["tagged_auxiliary"] = report.tagged_auxiliary;
  result["inherited_auxiliary"] = report.inherited_auxiliary;
  result["fallback_auxiliary"] = report.fallback_auxiliary;
  result["auxiliary_types"] = report.auxiliary_types;
  result["mutated"] = report.mutated;
  result["file_bytes"] = report.file_bytes;
  result["linked_bytes"] = report.linked_bytes;
  result["decisions"] = report.decisions;
  add_stages(result, report.stages);
  return result;
}

// Builds a program with `read` while it holds the GIL, and exports it without; torch's memory is held by the caller.
template <typename Read>
AnyDict export_read(const Read& read, const std::string& path, const AnyDict& options,
                    const std::vector<ModuleRow>& modules, const std::vector<std::string>& output_names) {
  const PipelineOptions export_options = read_options(options);
  MemoryLimit limit(read_environment().memory_limit_bytes());
  Stages reading;
  reading.observer = export_options.on_stage;
  double scope_seconds = 0;
  program::Program program = reading.run("read", [&] {
    program::Program made = read(scope_seconds);
    for (const auto& [module_path, qualified_class, parameters] : modules) {
      made.modules.modules.push_back({module_path, qualified_class, parameters});
    }
    if (!modules.empty()) made.modules.set_root_class(std::get<1>(modules.front()));
    made.output_names = output_names;
    return made;
  });

  ExportReport report;
  {
    const nb::gil_scoped_release release;
    report = export_program(program, path, export_options);
  }
  report.stages.add(reading.times().front());
  // The part of reading that builds scopes.
  report.stages.add({"context", reading.times().front().start, scope_seconds});
  return to_dict(report);
}

AnyDict export_exported_program(nb::handle exported, const std::string& path, const AnyDict& options,
                                const std::vector<ModuleRow>& modules, const std::vector<std::string>& output_names,
                                const std::map<std::string, std::string>& symbol_names) {
  std::optional<TorchTypes> types;  // holds the weights
  const auto read = [&](double& scope_seconds) {
    program::Program program;
    types.emplace(program.symbols);
    scope_seconds = read_exported_program(exported, *types, find_schema, program);
    for (const auto& [symbol, name] : symbol_names) program.symbols.set_name(symbol, name);
    return program;
  };
  return export_read(read, path, options, modules, output_names);
}

AnyDict export_trace(TraceRecorder& recorder, const std::string& path, const AnyDict& options,
                     const std::vector<ModuleRow>& modules, const std::vector<std::string>& output_names) {
  const auto read = [&](double& scope_seconds) {
    scope_seconds = recorder.scope_seconds();
    return recorder.take_program();
  };
  return export_read(read, path, options, modules, output_names);
}

AnyDict export_pt2(const std::string& source, const std::string& path, const AnyDict& options) {
  const PipelineOptions export_options = read_options(options);
  ExportReport report;
  {
    const nb::gil_scoped_release release;
    MemoryLimit limit(read_environment().memory_limit_bytes());
    Stages reading;
    reading.observer = export_options.on_stage;
    program::Program program = reading.run("read", [&] { return program::read_pt2(source, find_schema); });
    report = export_program(program, path, export_options);
    report.stages.add(reading.times().front());
  }
  return to_dict(report);
}

}  // namespace

void bind_export(nb::module_& module) {
  module.def("export_exported_program", &export_exported_program, nb::arg("exported"), nb::arg("path"),
             nb::arg("options"), nb::arg("modules"), nb::arg("output_names"), nb::arg("symbol_names"),
             "Write a torch.export.ExportedProgram to `path` as ONNX and return counts and seconds.");
  module.def("export_trace", &export_trace, nb::arg("recorder"), nb::arg("path"), nb::arg("options"),
             nb::arg("modules"), nb::arg("output_names"),
             "Write what a TraceRecorder has recorded to `path` as ONNX, once, and return counts and seconds.");
  module.def(
      "output_names", [](const std::string& structure) { return program::output_names(structure, {}); },
      nb::arg("structure"), "Names of a model's outputs, from the structure that torch's pytree writes as JSON.");
  module.def("export_pt2", &export_pt2, nb::arg("source"), nb::arg("path"), nb::arg("options"),
             "Write the file `source` of torch.export.save to `path` as ONNX and return counts and seconds.");
}

}  // namespace modelexport::python
