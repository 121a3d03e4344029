// What a trace needs to know of one of torch's operators, read once from torch and remembered for later traces.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

namespace modelexport::python {

namespace nb = nanobind;

struct TraceOperator {
  nb::object overload;  // keeps its address unique
  nb::object run;
  std::string name, schema_text;
  std::vector<std::string> argument_names;
  std::vector<bool> is_written;
  // Of the argument that says the size of the results where it would else follow from data; none by default.
  std::size_t size_argument = ~std::size_t{0};
  bool is_watched = false;  // made of other operators, which may read data
  bool sizes_from_data = false;
  bool mutates = false;
  bool keeps_statistics = false;
  bool is_random = false;
  bool lifts = false;
};

// Of a torch.OpOverload. The reference stays valid.
const TraceOperator& trace_operator(nb::handle overload);

// Statistics that a normalisation writes when it trains, though its schema does not say so.
[[nodiscard]] inline bool is_statistic(const std::string& argument) {
  return argument == "running_mean" || argument == "running_var";
}
[[nodiscard]] inline bool is_training_flag(const std::string& argument) {
  return argument == "training" || argument == "use_input_stats";
}

}  // namespace modelexport::python
