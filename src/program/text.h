// Programs as text, for people and tests:
//
//   module "": m.Net
//   module "encoder": m.Encoder
//   graph(%x: float32[2, s0], %w: float32[4] parameter "encoder.weight"):
//     %y: float32[2, s0] = aten::add.Tensor(self=%x, other=%w, alpha=1) @encoder/encoder.layer.0#1
//     return %y
//
// A call's scope is the chain of module calls below the root, "#n" for the nth repeated one; "@" alone is the root,
// and none at all a call without a record. Strides follow the sizes in braces where they are not row-major. Further
// graphs are numbered: "graph #1(...):". Weights have no bytes here.
#pragma once

#include <string>
#include <string_view>

#include "program/program.h"
#include "program/program_builder.h"

namespace modelexport::program {

[[nodiscard]] std::string print(const Program& program);
[[nodiscard]] std::string print(const Program& program, const Graph& graph, const Node& node);

// Throws Error naming the line.
[[nodiscard]] Program parse_program(std::string_view text, const SchemaLookup& lookup);

}  // namespace modelexport::program
