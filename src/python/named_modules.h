// The modules of a model with their paths.
#pragma once

#include <nanobind/nanobind.h>

namespace modelexport::python {

// (path, module) for every path that leads to a module, the root first, as torch's named_modules() orders them.
// Raises RecursionError where a module contains itself.
nanobind::list named_modules(nanobind::handle model);

}  // namespace modelexport::python
