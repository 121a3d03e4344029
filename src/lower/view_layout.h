// Which calls give a look at their argument's memory instead of memory of their own.
#pragma once

#include <cstddef>
#include <optional>

#include "program/program.h"

namespace modelexport::lower {

enum class Aliasing {
  None,  // the results are new memory
  Same,  // the result is the argument: same elements, same layout
  View,  // the results are some or all of the argument's elements, seen differently
};

// Of a call that does not mutate. The schema says what may be a view; where torch copies when it must (reshape,
// contiguous, to, ...), the recorded sizes and strides tell what it did.
[[nodiscard]] Aliasing aliasing_of(const program::Graph& graph, const program::Node& node);

// Position of the argument that a view call looks at.
[[nodiscard]] std::optional<std::size_t> viewed_argument(const program::Node& node);

// "view" of "aten::view.dtype"; empty for operators of other namespaces.
[[nodiscard]] std::string_view aten_name(const program::Node& node);

// Several elements of the tensor lie at the same place, as after expand.
[[nodiscard]] bool overlaps_itself(const program::Value& tensor);
// Laid out row-major without gaps.
[[nodiscard]] bool is_row_major(const program::Value& tensor);

}  // namespace modelexport::lower
