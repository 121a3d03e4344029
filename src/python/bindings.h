// One function a binding file; module.cpp calls them in order.
#pragma once

#include <nanobind/nanobind.h>

#include "support/error.h"

namespace modelexport::python {

void bind_errors(nanobind::module_& module);
void bind_export(nanobind::module_& module);
void bind_trace(nanobind::module_& module);
void bind_ops(nanobind::module_& module);
void bind_tags(nanobind::module_& module);
void bind_cli(nanobind::module_& module);
void bind_environment(nanobind::module_& module);

// What Python raised as the core's Error: modelexport.exceptions by kind, anything else Internal.
[[nodiscard]] Error error_of(const nanobind::python_error& raised);

}  // namespace modelexport::python
