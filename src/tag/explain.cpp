#include "tag/explain.h"

#include <fmt/format.h>

#include "tag/records.h"
#include "tag/scope_text.h"

namespace modelexport::tag {
namespace {

std::string reason(const onnx::Node& node, const ModuleTree& modules) {
  switch (node.provenance) {
    case Provenance::Exact:
      return "exact: recorded";
    case Provenance::Merged: {
      std::string sources;
      for (const ScopeId source : node.sources) sources += (sources.empty() ? "" : ", ") + call_name(modules[source]);
      return "merged: the common ancestor of " + sources;
    }
    case Provenance::Inherited:
      return "inherited: no record, taken from its data-flow neighbours";
    case Provenance::Fallback:
      return "fallback: no record and no neighbour that has one";
  }
  return {};
}

}  // namespace

std::vector<std::string> explain_auxiliary(const onnx::Model& model, const ModuleTree& modules) {
  std::vector<std::string> lines;
  for_each_node_of(model, [&](const onnx::Node& node) {
    if (node.role != onnx::Role::Auxiliary) return;
    const std::string call = call_name(modules[node.scope]);
    lines.push_back(fmt::format("{}: {}{}{} in {} ({})", node.name, node.op_type, node.origin.empty() ? "" : " of ",
                                node.origin, call.empty() ? "the root module" : call, reason(node, modules)));
  });
  return lines;
}

}  // namespace modelexport::tag
