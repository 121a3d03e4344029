// A Chrome trace of an export: chrome://tracing and Perfetto show it.
#pragma once

#include <string>
#include <vector>

#include "modelexport/stages.h"

namespace modelexport {

// "dir/bert_trace.json" of "dir/bert.onnx".
[[nodiscard]] std::string trace_path(const std::string& model_path);

// Writes `whole` and the `stages` within it to `path`, in the order in which they began. The format is the JSON object
// form of the "Trace Event Format": complete events ("ph": "X"), with "ts" and "dur" in microseconds from the start of
// `whole`. Throws Error (Io); what was at `path` is still there then.
void write_trace(const std::string& path, const StageTime& whole, std::vector<StageTime> stages);

}  // namespace modelexport
