// modelexport._core: the list of what is bound.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "modelexport/export.h"
#include "python/bindings.h"

NB_MODULE(_core, module) {
  using namespace modelexport::python;
  module.doc() = "The C++ core of modelexport.";
  module.attr("VERSION") = std::string(modelexport::version());
  bind_errors(module);
  bind_trace(module);
  bind_export(module);
  bind_ops(module);
  bind_tags(module);
  bind_cli(module);
  bind_environment(module);
}
