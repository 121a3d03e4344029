// One graph of a .pt2 file's model.json.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program/program_builder.h"
#include "program/pt2_types.h"
#include "support/json_reader.h"

namespace modelexport::program {

// A graph's tables of values come after its nodes in the text and are needed before them. So the constructor reads
// the tables and remembers where the rest is.
class Pt2Graph {
 public:
  // `in` stands before the graph object, which is read over.
  Pt2Graph(ProgramBuilder& builder, SymbolTable& symbols, json::Reader& in);

  // An Argument where it is used: a value that is defined, a constant, a list of either, or a sub-graph.
  Argument argument(json::Reader& in) { return read(in, Name::Used); }
  // The same as an input or result, where the values that it names become defined.
  Argument definition(json::Reader& in) { return read(in, Name::Defined); }
  [[nodiscard]] Argument use(std::string_view name) const;
  ValueId define(std::string_view name);
  // An effect token, which the tables do not describe.
  ValueId define_token(const std::string& name);

  void read_nodes();

 private:
  enum class Name : uint8_t { Used, Defined };

  void read_tensors(json::Reader& in);
  void read_scalars(json::Reader& in, Kind kind);
  void describe(std::string_view name, Value value, const json::Reader& in);

  Argument read(json::Reader& in, Name name);
  Argument read_member(std::string_view tag, json::Reader& in, Name name);
  Argument read_subgraph(json::Reader& in);
  void read_inputs();
  void read_outputs();

  void read_node(json::Reader in);
  void read_arguments(json::Reader in, bool by_position, std::vector<Argument>& positional,
                      std::vector<NamedArgument>& keyword);
  std::vector<ValueId> read_results(json::Reader in, const std::string& node);
  void add_result(const Argument& result, const std::string& node, std::vector<ValueId>& ids);
  std::pair<ScopeId, bool> read_scope(json::Reader metadata);

  ProgramBuilder& builder_;
  SymbolTable& symbols_;
  json::Reader document_;
  std::string_view inputs_;
  std::string_view outputs_;
  std::string_view nodes_;
  ByName<Value> described_;  // until they are defined
  ByName<ValueId> defined_;
  std::string last_stack_;  // consecutive calls mostly share theirs
  std::pair<ScopeId, bool> last_scope_ = {kRootScope, false};
};

}  // namespace modelexport::program
