#include "program/program.h"

#include <algorithm>

namespace modelexport::program {

const Argument* Node::find(std::string_view name) const {
  const auto found = std::ranges::find(args, name, &NamedArgument::name);
  return found == args.end() ? nullptr : &found->value;
}

}  // namespace modelexport::program
