// The stages of a report as Python has them, and Python's observer of stages.
#pragma once

#include <nanobind/nanobind.h>

#include <functional>
#include <string>

#include "modelexport/stages.h"

namespace modelexport::python {

// Adds "stages", (name, start, seconds) each, and "<name>_seconds" for every name.
void add_stages(nanobind::dict& result, const Stages& stages);

// Calls options["on_stage"] with each stage's name, GIL held; empty when there is none. What it raises ends the work.
std::function<void(const std::string&)> stage_observer(const nanobind::dict& options);

}  // namespace modelexport::python
