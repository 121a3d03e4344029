// The way back through a view: the viewed tensor from its views.
#pragma once

#include <string>
#include <vector>

#include "lower/call_maker.h"
#include "program/program.h"

namespace modelexport::lower {

// Appends calls to a graph, all of one origin.
class CallEmitter {
 public:
  CallEmitter(program::Graph& graph, program::SymbolTable& symbols, Origin origin)
      : graph_(graph), symbols_(symbols), origin_(origin) {}

  // The result is described like value `like`.
  program::ValueId call(std::string target, std::vector<program::NamedArgument> arguments, program::ValueId like);
  // The same with explicit type and sizes.
  program::ValueId call(std::string target, std::vector<program::NamedArgument> arguments, program::Value result);
  program::ValueId append(program::Node node, program::Value result);
  // A size that no recorded expression says.
  [[nodiscard]] program::Dim unknown_size();

  [[nodiscard]] const program::Graph& graph() const { return graph_; }
  [[nodiscard]] Origin origin() const { return origin_; }

 private:
  program::Graph& graph_;
  program::SymbolTable& symbols_;
  Origin origin_;
};

// What the argument of `view` has become, when its value was `source` and the results of `view` are now `views`.
// Throws Error when a write through this view cannot be written as a value.
program::ValueId invert_view(CallEmitter& emitter, const program::Node& view, program::ValueId source,
                             const std::vector<program::ValueId>& views);

}  // namespace modelexport::lower
