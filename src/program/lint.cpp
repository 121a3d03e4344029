#include "program/lint.h"

#include <fmt/format.h>

#include <vector>

#include "program/arguments.h"
#include "support/error.h"

namespace modelexport::program {

namespace {

class Linter {
 public:
  Linter(const Program& program, std::size_t index)
      : program_(program), graph_(*program.graphs[index]), index_(index), is_defined_(graph_.values.size()) {}

  void run() {
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (graph_.inputs[i].value != kNoValue) define(graph_.inputs[i].value, "input", i);
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) check(graph_.nodes[i], i);
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) use(graph_.outputs[i].value, "output", i);
  }

 private:
  void check(const Node& node, std::size_t position) {
    if (node.schema != nullptr) check_arguments(node, position);
    if (node.scope >= program_.modules.size()) broken(node.target, position, "its scope does not exist");
    for (const NamedArgument& argument : node.args) use(argument.value, node.target, position);
    for (const ValueId id : node.outputs) define(id, node.target, position);
  }

  void check_arguments(const Node& node, std::size_t position) const {
    const std::vector<SchemaArgument>& expected = node.schema->arguments;
    if (node.args.size() != expected.size())
      broken(node.target, position, "the schema has another number of arguments");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (node.args[i].name != expected[i].name) {
        broken(node.target, position, fmt::format("\"{}\" stands for \"{}\"", node.args[i].name, expected[i].name));
      }
    }
  }

  void use(const Argument& argument, std::string_view what, std::size_t position) const {
    for_each<ValueRef>(argument, [&](ValueRef ref) {
      if (ref.id >= is_defined_.size() || !is_defined_[ref.id]) {
        broken(what, position, fmt::format("value {} is used before it is defined", ref.id));
      }
    });
    for_each<GraphRef>(argument, [&](GraphRef ref) {
      if (ref.index >= program_.graphs.size()) broken(what, position, fmt::format("there is no graph {}", ref.index));
    });
  }

  void define(ValueId id, std::string_view what, std::size_t position) {
    if (id >= is_defined_.size()) broken(what, position, fmt::format("there is no value {}", id));
    if (is_defined_[id]) broken(what, position, fmt::format("value {} is defined twice", id));
    is_defined_[id] = true;
  }

  [[noreturn]] void broken(std::string_view what, std::size_t position, std::string_view why) const {
    fail(ErrorKind::Internal, fmt::format("graph {}: {} {}: {}", index_, what, position, why));
  }

  const Program& program_;
  const Graph& graph_;
  std::size_t index_;
  std::vector<bool> is_defined_;
};

}  // namespace

void lint(const Program& program) {
  for (std::size_t i = 0; i < program.graphs.size(); ++i) Linter(program, i).run();
}

}  // namespace modelexport::program
