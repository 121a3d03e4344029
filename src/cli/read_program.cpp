#include "cli/read_program.h"

#include "pipeline.h"
#include "program/pt2_reader.h"

namespace modelexport::cli {

program::Program read_program(const std::string& pt2_path) { return program::read_pt2(pt2_path, find_schema); }

}  // namespace modelexport::cli
