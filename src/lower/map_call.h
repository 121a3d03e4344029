// A call that torch.vmap recorded with one example, made for every example of a batch in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "program/program.h"

namespace modelexport::lower {

// A value of which torch recorded one example. `value` has an axis for each vmap level that it varies with, outermost
// level first, then the example's own axes.
struct Batch {
  program::ValueId value = program::kNoValue;
  std::vector<int64_t> levels;
  int64_t example_rank = 0;
};

// A vmap level, and how many examples it has.
struct Level {
  int64_t number;
  program::Dim size;
};

// Appends higher_order::map_impl to `graph`, one within the other for each of `levels`; the innermost body makes
// `node`. `batch_of` tells what an argument of `node` is in `graph`. The results of `node` get the levels' axes in
// front.
void map_call(program::Program& program, program::Graph& graph, program::Node node, const std::vector<Level>& levels,
              const std::function<Batch(program::ValueId)>& batch_of);

}  // namespace modelexport::lower
