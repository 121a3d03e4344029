// Sizes as people write them: "2*s0 - 1", "(s0 + 2)//3", "Max(3, s0)"; what SymbolTable::print prints.
#pragma once

#include "program/scanner.h"
#include "program/symbols.h"

namespace modelexport::program {

// Throws Error naming the offset.
[[nodiscard]] ExprId parse_infix(Scanner& in, SymbolTable& table);

}  // namespace modelexport::program
