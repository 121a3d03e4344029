#include "python/stage_dict.h"

#include <nanobind/stl/string.h>

namespace modelexport::python {

namespace nb = nanobind;

void add_stages(nb::dict& result, const Stages& stages) {
  nb::list times;
  for (const StageTime& time : stages.times()) {
    times.append(nb::make_tuple(time.name, time.start, time.seconds));
    result[nb::str((time.name + "_seconds").c_str())] = stages.seconds(time.name);
  }
  result["stages"] = times;
}

std::function<void(const std::string&)> stage_observer(const nb::dict& options) {
  if (!options.contains("on_stage")) return {};
  // The callers hold `options` as long as the work goes on.
  const nb::handle observer = options["on_stage"];
  return [observer](const std::string& name) {
    const nb::gil_scoped_acquire acquire;
    observer(name);
  };
}

}  // namespace modelexport::python
