// modelexport._core.run_cli: the command line of the executable, for the console script.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "python/bindings.h"

namespace modelexport::python {

namespace nb = nanobind;

void bind_cli(nb::module_& module) {
  module.def(
      "run_cli",
      [](const std::vector<std::string>& arguments) {
        const nb::gil_scoped_release release;
        return cli::run(arguments, std::cout, std::cerr);
      },
      nb::arg("arguments"), "Run a command, given without the program's name, and return its exit code.");
}

}  // namespace modelexport::python
