// export_program(): the whole way from a Program to files, one call a stage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lower/custom_op.h"
#include "modelexport/export.h"
#include "onnx/model.h"
#include "program/program.h"

namespace modelexport {

// What only a caller in this process can ask for, beside the public options.
struct PipelineOptions : ExportOptions {
  lower::Translations translations;      // users' own lowerings
  std::string capture;                   // how the program was captured, as the sidecar says
  std::vector<std::string> specialised;  // where the capture followed the example's data
};

// Throws Error for an opset that cannot be written.
void check_opset(int64_t opset);

// The op table's schema of an operator ("aten::add.Tensor"), for the readers; null when it has none.
const program::Schema* find_schema(std::string_view target);

// Writes `path` and `<stem>_hierarchy.json` beside it, both or neither. The program's graphs are gone afterwards.
// Throws Error; nothing is left at `path` that was not there before.
ExportReport export_program(program::Program& program, const std::string& path, const PipelineOptions& options);

// The stages up to the model in memory (no tags, nothing written); for tests and benchmarks.
onnx::Model lower_program(program::Program& program, const PipelineOptions& options, ExportReport& report);

}  // namespace modelexport
