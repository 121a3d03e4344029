// A .pt2 file as a Program, with the op table's schemas.
#pragma once

#include <string>

#include "program/program.h"

namespace modelexport::cli {

[[nodiscard]] program::Program read_program(const std::string& pt2_path);

}  // namespace modelexport::cli
