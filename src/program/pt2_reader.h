// Reads what torch.export.save wrote (torch 2.9 and later) without torch.
#pragma once

#include <string>

#include "program/program.h"
#include "program/program_builder.h"

namespace modelexport::program {

// Weights are views into the mapped file, which lives as long as they do.
// Throws Error naming the entry and the byte, node or weight; files of other versions are refused with the way out.
[[nodiscard]] Program read_pt2(const std::string& path, const SchemaLookup& lookup);

}  // namespace modelexport::program
