// Users' own lowerings, written in Python (python/modelexport/translation.py).
#pragma once

#include <nanobind/nanobind.h>

#include "lower/custom_op.h"

namespace modelexport::python {

// What options["translations"] gives: a modelexport.translation.Translations; empty when there is none. The caller
// holds `options` as long as the work goes on.
lower::Translations read_translations(const nanobind::dict& options);

}  // namespace modelexport::python
