#include "program/inherit.h"

#include <optional>
#include <vector>

namespace modelexport::program {

namespace {

template <typename Visit>
void for_each_reference(const Argument& argument, Visit&& visit) {
  if (const auto* reference = argument.as<ValueRef>()) visit(reference->id);
  if (const auto* list = argument.as<Arguments>()) {
    for (const Argument& item : *list) for_each_reference(item, visit);
  }
}

// The common ancestor of the scopes that meet at a place.
class Meeting {
 public:
  void join(const ModuleTree& modules, ScopeId scope) {
    scope_ = scope_ ? modules.common_ancestor(*scope_, scope) : scope;
  }
  [[nodiscard]] const std::optional<ScopeId>& scope() const { return scope_; }

 private:
  std::optional<ScopeId> scope_;
};

bool lacks_scope(const Node& node) { return node.provenance != Provenance::Exact; }

bool has_no_record(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (lacks_scope(node)) return true;
  }
  return false;
}

void take(Node& node, const Meeting& meeting) {
  if (!meeting.scope()) return;
  node.scope = *meeting.scope();
  node.provenance = Provenance::Inherited;
}

// Later calls first, so that a chain without record inherits through its whole length.
void inherit_from_readers(const ModuleTree& modules, Graph& graph) {
  std::vector<Meeting> readers(graph.values.size());
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (lacks_scope(*node)) {
      Meeting meeting;
      for (ValueId output : node->outputs) {
        if (readers[output].scope()) meeting.join(modules, *readers[output].scope());
      }
      take(*node, meeting);
      if (!meeting.scope()) continue;
    }
    for (const NamedArgument& argument : node->args) {
      for_each_reference(argument.value, [&](ValueId id) { readers[id].join(modules, node->scope); });
    }
  }
}

void inherit_from_operands(const ModuleTree& modules, Graph& graph) {
  std::vector<std::optional<ScopeId>> maker(graph.values.size());
  for (Node& node : graph.nodes) {
    const bool open = node.provenance == Provenance::Fallback;
    if (open) {
      Meeting meeting;
      for (const NamedArgument& argument : node.args) {
        for_each_reference(argument.value, [&](ValueId id) {
          if (maker[id]) meeting.join(modules, *maker[id]);
        });
      }
      take(node, meeting);
      if (!meeting.scope()) continue;
    }
    for (ValueId output : node.outputs) maker[output] = node.scope;
  }
}

}  // namespace

InheritReport inherit_scopes(Program& program) {
  InheritReport report;
  for (auto& graph : program.graphs) {
    if (!has_no_record(*graph)) continue;
    for (Node& node : graph->nodes) {
      if (!lacks_scope(node)) continue;
      ++report.unrecorded;
      node.provenance = Provenance::Fallback;
      node.scope = kRootScope;
    }
    inherit_from_readers(program.modules, *graph);
    inherit_from_operands(program.modules, *graph);
    for (const Node& node : graph->nodes) {
      if (node.provenance == Provenance::Inherited) ++report.inherited;
      if (node.provenance == Provenance::Fallback) ++report.fallback;
    }
  }
  return report;
}

}  // namespace modelexport::program
