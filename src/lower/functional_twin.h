// The functional overload that computes what an in-place or out= overload writes.
#pragma once

#include <vector>

#include "program/program.h"

namespace modelexport::lower {

// The arguments that `mutating` writes, by position.
[[nodiscard]] std::vector<std::size_t> written_arguments(const program::Schema& mutating);

// The overload whose results are the new contents of the written arguments, in their order: "aten::add.Tensor" of
// "aten::add_.Tensor" and of "aten::add.out". Null when the op table has none.
[[nodiscard]] const program::Schema* functional_twin(const program::Schema& mutating);

// The arguments of a call of `mutating` as `twin` takes them: renamed, out= left out, defaults filled in.
[[nodiscard]] std::vector<program::NamedArgument> twin_arguments(const program::Schema& mutating,
                                                                 const program::Schema& twin,
                                                                 std::vector<program::NamedArgument> args);

}  // namespace modelexport::lower
