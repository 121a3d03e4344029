#include "program/inherit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "program/arguments.h"
#include "program/program_builder.h"
#include "support/error.h"

namespace modelexport::program {

namespace {

using MaybeScope = std::optional<ScopeId>;

bool is_recorded(const Node& node) { return node.provenance == Provenance::Exact; }
bool has_scope(const Node& node) { return node.provenance != Provenance::Fallback; }

class Inheritance {
 public:
  explicit Inheritance(Program& program) : program_(program), callers_(program.graphs.size()) {}

  InheritReport run() {
    InheritReport report;
    // A graph comes before the sub-graphs that its calls run, so their callers have got their scopes.
    for (std::size_t index = 0; index < program_.graphs.size(); ++index) {
      Graph& graph = *program_.graphs[index];
      if (!std::ranges::all_of(graph.nodes, is_recorded)) {
        from_consumers(graph);
        from_producers(graph);
        from_caller(graph, callers_[index]);
      }
      note_callers(graph);
      count(graph, report);
    }
    return report;
  }

 private:
  void widen(MaybeScope& scope, ScopeId other) const {
    scope = scope ? program_.modules.common_ancestor(*scope, other) : other;
  }

  static void inherit(Node& node, MaybeScope scope) {
    if (!scope) return;
    node.scope = *scope;
    node.provenance = Provenance::Inherited;
  }

  void from_consumers(Graph& graph) const {
    std::vector<MaybeScope> wanted(graph.values.size());  // by value: the scope that holds the consumers seen so far
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
      if (!has_scope(*node)) {
        MaybeScope scope;
        for (const ValueId id : node->outputs) {
          if (wanted[id]) widen(scope, *wanted[id]);
        }
        inherit(*node, scope);
      }
      if (has_scope(*node)) {
        for_each<ValueRef>(*node, [&](ValueRef ref) { widen(wanted[ref.id], node->scope); });
      }
    }
  }

  void from_producers(Graph& graph) const {
    std::vector<MaybeScope> made(graph.values.size());  // by value: the scope of its producer
    for (Node& node : graph.nodes) {
      if (!has_scope(node)) {
        MaybeScope scope;
        for_each<ValueRef>(node, [&](ValueRef ref) {
          if (made[ref.id]) widen(scope, *made[ref.id]);
        });
        inherit(node, scope);
      }
      if (!has_scope(node)) continue;
      for (const ValueId id : node.outputs) made[id] = node.scope;
    }
  }

  static void from_caller(Graph& graph, MaybeScope caller) {
    for (Node& node : graph.nodes) {
      if (!has_scope(node)) inherit(node, caller);
    }
  }

  void note_callers(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (!has_scope(node)) continue;
      for_each<GraphRef>(node, [&](GraphRef ref) { widen(callers_[ref.index], node.scope); });
    }
  }

  static void count(const Graph& graph, InheritReport& report) {
    for (const Node& node : graph.nodes) {
      if (is_recorded(node)) continue;
      ++report.unrecorded;
      ++(has_scope(node) ? report.inherited : report.fallback);
    }
  }

  Program& program_;
  std::vector<MaybeScope> callers_;  // by sub-graph
};

}  // namespace

InheritReport inherit_scopes(Program& program) { return Inheritance(program).run(); }

void fall_back(Program& program, bool refuse) {
  constexpr std::size_t kNamed = 5;
  std::size_t count = 0;
  std::vector<std::string> named;
  for (const auto& graph : program.graphs) {
    for (Node& node : graph->nodes) {
      if (has_scope(node)) continue;
      node.scope = kRootScope;
      if (++count <= kNamed) named.push_back(torch_name(node.target));
    }
  }
  if (refuse && count != 0) {
    fail(ErrorKind::ContextInheritance,
         fmt::format("{} operations have no module record and no neighbours to inherit from: {}{}", count,
                     fmt::join(named, ", "), count > kNamed ? ", ..." : ""));
  }
}

}  // namespace modelexport::program
