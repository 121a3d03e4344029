// One function a binding file; module.cpp calls them in order.
#pragma once

#include <nanobind/nanobind.h>

namespace modelexport::python {

void bind_errors(nanobind::module_& module);
void bind_export(nanobind::module_& module);
void bind_ops(nanobind::module_& module);

}  // namespace modelexport::python
