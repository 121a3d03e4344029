// modelexport._core.read_environment and write_trace: what environment variables ask of an export.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <tuple>
#include <vector>

#include "python/bindings.h"
#include "support/environment.h"
#include "support/trace.h"

namespace modelexport::python {

namespace nb = nanobind;

namespace {

using Row = std::tuple<std::string, double, double>;  // name, start, seconds

StageTime stage_time(const Row& row) { return {std::get<0>(row), std::get<1>(row), std::get<2>(row)}; }

}  // namespace

void bind_environment(nb::module_& module) {
  module.def(
      "read_environment",
      [] {
        const Environment environment = read_environment();
        return std::tuple(environment.explain_auxiliary, environment.memory_limit_mb, environment.profiling);
      },
      "Whether to explain auxiliary operations, the memory limit in MB (0: none), and whether to profile.");
  module.def("trace_path", &trace_path, nb::arg("model_path"), "Where the trace of a model lies.");
  module.def(
      "write_trace",
      [](const std::string& path, const Row& whole, const std::vector<Row>& stages) {
        std::vector<StageTime> times;
        for (const Row& stage : stages) times.push_back(stage_time(stage));
        write_trace(path, stage_time(whole), std::move(times));
      },
      nb::arg("path"), nb::arg("whole"), nb::arg("stages"),
      "Write a Chrome trace of `whole` and the `stages` in it, (name, start, seconds) each.");
}

}  // namespace modelexport::python
