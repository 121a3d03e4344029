// Reads a torch.export.ExportedProgram in-process: walks its FX graph and takes its weights as pointers.
#pragma once

#include <nanobind/nanobind.h>

#include "program/program.h"
#include "program/program_builder.h"
#include "python/torch_types.h"

namespace modelexport::python {

// Returns the seconds spent on scopes. `exported` must stay alive and unchanged, and `types` with it, while the program
// is used: its weights are theirs. Throws Error naming the node for what cannot be read.
double read_exported_program(nb::handle exported, TorchTypes& types, const program::SchemaLookup& lookup,
                             program::Program& program);

}  // namespace modelexport::python
