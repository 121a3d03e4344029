#include "cli/read_program.h"

#include <string_view>

#include "lower/op_table.h"
#include "program/pt2_reader.h"

namespace modelexport::cli {

program::Program read_program(const std::string& pt2_path) {
  return program::read_pt2(pt2_path, [](std::string_view target) -> const program::Schema* {
    const lower::Entry* entry = lower::find_op(target);
    return entry == nullptr ? nullptr : &entry->schema;
  });
}

}  // namespace modelexport::cli
