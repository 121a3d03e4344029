// Walks over arguments, which nest.
#pragma once

#include "program/program.h"

namespace modelexport::program {

// Calls visit(T) for every T (ValueRef, GraphRef, ...) in the argument, in order.
template <typename T, typename Visit>
void for_each(const Argument& argument, const Visit& visit) {
  if (const T* found = argument.as<T>()) {
    visit(*found);
  } else if (const Arguments* items = argument.as<Arguments>()) {
    for (const Argument& item : *items) for_each<T>(item, visit);
  }
}

template <typename T, typename Visit>
void for_each(const Node& node, const Visit& visit) {
  for (const NamedArgument& argument : node.args) for_each<T>(argument.value, visit);
}

}  // namespace modelexport::program
