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

namespace {

// Calls Python's `host`, which the caller of run_cli holds.
cli::Host host_of(nb::handle host) {
  if (host.is_none()) return nullptr;
  return [host](const std::string& task, const std::string& request) {
    const nb::gil_scoped_acquire acquire;
    try {
      return nb::cast<std::string>(host(task, request));
    } catch (const nb::python_error& raised) {
      throw error_of(raised);
    }
  };
}

}  // namespace

void bind_cli(nb::module_& module) {
  module.def(
      "run_cli",
      [](const std::vector<std::string>& arguments, const nb::object& host) {
        const nb::gil_scoped_release release;
        return cli::run(arguments, std::cout, std::cerr, host_of(host));
      },
      nb::arg("arguments"), nb::arg("host") = nb::none(),
      "Run a command, given without the program's name, and return its exit code. `host(task, request)` does what "
      "needs "
      "Python; request and result are JSON.");
}

}  // namespace modelexport::python
