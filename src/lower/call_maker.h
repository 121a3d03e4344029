// Calls made by the passes that rewrite programs, in the form that readers give them.
#pragma once

#include <string>
#include <vector>

#include "program/program.h"

namespace modelexport::lower {

// Where a made call comes from.
struct Origin {
  ScopeId scope = kRootScope;
  Provenance provenance = Provenance::Exact;
};

// A call of `target` in schema order, defaults filled in; in the order given when the op table has no such target
// (the driver then reports it).
[[nodiscard]] program::Node make_call(std::string target, std::vector<program::NamedArgument> given,
                                      std::vector<program::ValueId> outputs, Origin origin);

// A dense tensor's value, without a name. Strides are those of the sizes during capture.
[[nodiscard]] program::Value dense_tensor(DType dtype, std::vector<program::Dim> sizes);

// Appends a call of `target` whose one result is like `result`.
program::ValueId append_call(program::Graph& graph, std::string target, std::vector<program::NamedArgument> given,
                             program::Value result, Origin origin);

[[nodiscard]] inline program::Argument ref(program::ValueId id) { return {program::ValueRef{id}}; }
[[nodiscard]] program::Arguments int_list(const std::vector<int64_t>& numbers);

// Calls `visit(ValueId&)` for every value that `argument` refers to, lists included.
template <typename ArgumentT, typename Visit>
void for_each_reference(ArgumentT& argument, Visit&& visit) {
  if (auto* reference = std::get_if<program::ValueRef>(&argument.value)) {
    visit(reference->id);
  } else if (auto* list = std::get_if<program::Arguments>(&argument.value)) {
    for (auto& item : *list) for_each_reference(item, visit);
  }
}

}  // namespace modelexport::lower
