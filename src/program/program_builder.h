// Builds a Program; the one door behind every reader (FX graph, .pt2 file, trace).
//
// Call order: inputs, then calls in execution order, then outputs, for each graph. Sub-graphs are begun and ended
// before the call that uses them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "program/program.h"

namespace modelexport::program {

// One entry of torch's nn_module_stack, outermost first. Keys end in "@n" for the nth repeated call.
struct StackEntry {
  std::string_view key;
  std::string_view path;
  std::string_view qualified_class;
};

// Finds the schema of "aten::add.Tensor"; null when unknown. Given by the caller, because the op table lies above.
using SchemaLookup = std::function<const Schema*(std::string_view target)>;

class ProgramBuilder {
 public:
  ProgramBuilder(Program& program, SchemaLookup lookup);

  // The main graph exists from the start; sub-graphs nest.
  uint32_t begin_graph();
  void end_graph();
  [[nodiscard]] Graph& graph() { return *program_.graphs[open_.back()]; }

  ValueId add_value(Value value);
  void add_input(Input input) { graph().inputs.push_back(std::move(input)); }
  void add_output(Output output) { graph().outputs.push_back(std::move(output)); }

  // The scope of a module stack; an empty stack is the root. The call index is read from the keys' "@n".
  ScopeId scope(const std::vector<StackEntry>& stack);
  // Whether the stack says where a call came from: torch puts a marker on calls that it made itself.
  [[nodiscard]] static bool is_record(const std::vector<StackEntry>& stack);

  // Whether the table or an earlier call knows this target; if not, call() needs `schema_text`.
  [[nodiscard]] bool knows(std::string_view target) const;

  // A call in canonical form: positional arguments named by the schema, defaults filled in. Python operators
  // ("_operator::add") have no schema; theirs are named "a", "b", "c"; higher-order ones "0", "1", ... and keywords.
  // `recorded`: torch recorded a module stack for it.
  // Throws Error for an argument that the schema does not have, or a required one that is missing.
  Node& call(std::string target, std::string_view schema_text, std::vector<Argument> positional,
             std::vector<NamedArgument> keyword, std::vector<ValueId> outputs, ScopeId scope, bool recorded);

 private:
  const Schema* schema_of(const std::string& target, std::string_view schema_text);

  Program& program_;
  SchemaLookup lookup_;
  std::vector<uint32_t> open_;
  std::unordered_map<std::string, const Schema*> schemas_;
};

// "torch.ops.aten.add.Tensor" or "aten.add.Tensor" -> "aten::add.Tensor"; "aten.relu.default" -> "aten::relu";
// "_operator.add" -> "_operator::add"; "torch.sym_max" -> "torch::sym_max";
// "torch.ops.higher_order.cond" -> "higher_order::cond".
[[nodiscard]] std::string canonical_target(std::string_view torch_name);
// The inverse, as torch prints it: "aten::relu" -> "aten.relu.default".
[[nodiscard]] std::string torch_name(std::string_view canonical);

}  // namespace modelexport::program
