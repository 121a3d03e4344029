// One graph of a .pt2 file's model.json.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "program/program_builder.h"
#include "program/pt2_members.h"
#include "support/in_bulk.h"
#include "support/json_reader.h"

namespace modelexport::program {

// A graph's tables of values come after its nodes in the text and are needed before them: the constructor reads them.
class Pt2Graph {
 public:
  Pt2Graph(ProgramBuilder& builder, SymbolTable& symbols, const Members& members);

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

  struct Place {
    std::size_t described = 0;  // into described_
    ValueId defined = kNoValue;
  };

  void read_tensors(json::Reader in);
  void read_scalars(json::Reader in, Kind kind);
  void describe(std::string_view name, Value value, const json::Reader& in);

  Argument read(json::Reader& in, Name name);
  Argument read_member(std::string_view tag, json::Reader& in, Name name);
  Argument read_subgraph(json::Reader& in);
  void read_inputs();
  void read_outputs();

  void read_node(json::Reader& in);
  void read_arguments(json::Reader in, bool by_position, std::vector<Argument>& positional,
                      std::vector<NamedArgument>& keyword);
  std::vector<ValueId> read_results(json::Reader in, const std::string& node);
  void add_result(const Argument& result, const std::string& node, std::vector<ValueId>& ids);
  std::pair<ScopeId, bool> read_scope(json::Reader metadata);

  ProgramBuilder& builder_;
  SymbolTable& symbols_;
  const Members& members_;
  std::vector<Value> described_;  // by the tables; each moves to the program when it is defined
  InBulk<std::pmr::unordered_map<std::string, Place, NameHash, std::equal_to<>>> places_;
  std::string last_stack_;  // consecutive calls mostly share theirs
  std::pair<ScopeId, bool> last_scope_ = {kRootScope, false};
};

}  // namespace modelexport::program
