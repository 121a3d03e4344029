#include "lower/functionalize.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lower/alias.h"
#include "lower/functional_twin.h"
#include "lower/view_layout.h"
#include "program/program_builder.h"
#include "support/error.h"
#include "support/memory_limit.h"

namespace modelexport::lower {

using program::Graph;
using program::Input;
using program::InputKind;
using program::NamedArgument;
using program::Node;
using program::OutputKind;
using program::Program;
using program::Schema;
using program::Value;
using program::ValueId;
using program::ValueRef;

namespace {

using TensorId = AliasTracker::TensorId;

// As seen during capture: equal sizes may be written as different expressions.
bool has_other_sizes(const Value& a, const Value& b) {
  return !std::ranges::equal(a.sizes, b.sizes, [](const program::Dim& x, const program::Dim& y) {
    return x == y || (!(x.is_static() && y.is_static()) && x.value == y.value);
  });
}

bool mutates(const Node& node) { return node.schema != nullptr && node.schema->mutates(); }

// Whether what the call does depends on who shares memory with whom.
bool sees_memory(const Node& node) { return mutates(node) || aten_name(node) == "as_strided"; }

class Functionalizer {
 public:
  Functionalizer(Program& program, uint32_t index)
      : program_(program), graph_(*program.graphs[index]), tensors_(program, graph_) {}

  void run() {
    std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    check_memory(nodes.size() * sizeof(Node));
    graph_.nodes.reserve(nodes.size());
    for (Node& node : nodes) {
      check_memory();
      try {
        rewrite(node);
      } catch (const Error& error) {
        const std::string& path = program_.modules[node.scope].path;
        throw error.in(program::torch_name(node.target) + " in " + (path.empty() ? "the root module" : path));
      }
    }
    for (program::Output& output : graph_.outputs) read_references(output.value);
  }

  // Inputs whose contents the graph has changed.
  std::vector<const Input*> written_inputs() {
    std::vector<const Input*> written;
    for (const Input& input : graph_.inputs) {
      if (tensors_.was_written(input.value)) written.push_back(&input);
    }
    return written;
  }

  ValueId final_value(const Input& input) { return tensors_.read_value(input.value); }

 private:
  // Nodes are moved from when they are appended, so that an error before that can name them.
  void rewrite(Node& node) {
    if (!mutates(node)) return rewrite_pure(node);
    if (keeps_sizes_only(node)) return;
    const Schema* twin = functional_twin(*node.schema);
    if (twin == nullptr) {
      append(node);
    } else if (twin->is_view()) {
      // t_, squeeze_, detach_: what changes is how the memory is seen.
      use_twin(node, *twin);
      rewrite_pure(node);
    } else {
      rewrite_write(node, *twin);
    }
  }

  void append(Node& node) {
    for (NamedArgument& argument : node.args) read_references(argument.value);
    graph_.nodes.push_back(std::move(node));
  }

  void rewrite_pure(Node& node) {
    const Aliasing aliasing = aliasing_of(graph_, node);
    if (aliasing == Aliasing::None) return append(node);
    const std::size_t position = viewed_argument(node).value();
    const TensorId viewed = viewed_tensor(node, position);
    node.args[position].value = ref(tensors_.read(viewed));
    append(node);
    if (aliasing == Aliasing::Same) {
      for (ValueId output : graph_.nodes.back().outputs) tensors_.add_name(output, viewed);
    } else {
      tensors_.add_views(graph_.nodes.size() - 1, viewed);
    }
  }

  // as_strided with an offset looks at the whole memory, whatever view it is called on.
  TensorId viewed_tensor(const Node& node, std::size_t position) {
    const TensorId viewed = tensors_.tensor_of(node.args[position].value.as<ValueRef>()->id);
    if (aten_name(node) != "as_strided" || tensors_.is_base(viewed)) return viewed;
    const program::Argument* offset = node.find("storage_offset");
    return offset == nullptr || offset->is_none() ? viewed : tensors_.base_of(viewed);
  }

  // The written tensors of a call, lists flattened.
  std::vector<TensorId> written_tensors(const Node& node) {
    std::vector<TensorId> written;
    for (std::size_t position : written_arguments(*node.schema)) {
      for_each_reference(node.args[position].value, [&](ValueId id) { written.push_back(tensors_.tensor_of(id)); });
    }
    return written;
  }

  void rewrite_write(Node& node, const Schema& twin) {
    const std::vector<TensorId> written = written_tensors(node);
    std::vector<ValueId> before;
    before.reserve(written.size());
    for (TensorId tensor : written) before.push_back(tensors_.read(tensor));
    if (node.outputs.size() != written.size()) {
      fail("has " + std::to_string(node.outputs.size()) + " results, but writes " + std::to_string(written.size()) +
           " tensors");
    }
    for (std::size_t i = 0; i < written.size(); ++i) check_write(written[i], before[i], node.outputs[i]);
    for (NamedArgument& argument : node.args) read_references(argument.value);
    use_twin(node, twin);
    const std::vector<ValueId> outputs = node.outputs;
    const Origin origin{node.scope, node.provenance};
    graph_.nodes.push_back(std::move(node));
    for (std::size_t i = 0; i < written.size(); ++i) {
      tensors_.write(written[i], outputs[i], origin);
      tensors_.add_name(outputs[i], written[i]);
    }
  }

  static void use_twin(Node& node, const Schema& twin) {
    node.args = twin_arguments(*node.schema, twin, std::move(node.args));
    node.target = twin.name;
    node.schema = &twin;
  }

  void check_write(TensorId tensor, ValueId before, ValueId after) const {
    if (overlaps_itself(graph_.values[before])) {
      fail(ErrorKind::UnsupportedOperator,
           "writes to a tensor in which more than one element refers to a single place; clone() it before writing");
    }
    if (has_other_sizes(graph_.values[before], graph_.values[after]) &&
        (!tensors_.is_base(tensor) || tensors_.has_views(tensor))) {
      fail(ErrorKind::UnsupportedOperator, "resizes a tensor that shares its memory with another");
    }
  }

  // resize_ to the sizes that the tensor has does nothing.
  bool keeps_sizes_only(const Node& node) {
    if (!aten_name(node).starts_with("resize_") || node.args.empty() || node.outputs.size() != 1) return false;
    const auto* self = node.args.front().value.as<ValueRef>();
    if (self == nullptr || graph_.values[self->id].sizes != graph_.values[node.outputs.front()].sizes) return false;
    tensors_.add_name(node.outputs.front(), tensors_.tensor_of(self->id));
    return true;
  }

  void read_references(program::Argument& argument) {
    for_each_reference(argument, [&](ValueId& id) { id = tensors_.read_value(id); });
  }

  Program& program_;
  Graph& graph_;
  AliasTracker tensors_;
};

void check_storage_is_its_own(const Graph& graph, const Input& written) {
  if (written.weight.storage == nullptr) return;
  for (const Input& other : graph.inputs) {
    if (&other == &written || other.weight.storage == nullptr) continue;
    if (other.weight.storage->data == written.weight.storage->data) {
      fail(ErrorKind::UnsupportedOperator,
           "the program writes to '" + written.target + "', which shares its memory with '" + other.target + "'");
    }
  }
}

void report_written_inputs(Program& program, Functionalizer& done, const FunctionalizeOptions& options,
                           FunctionalizeReport& report) {
  Graph& graph = program.main();
  for (const Input* input : done.written_inputs()) {
    check_storage_is_its_own(graph, *input);
    const std::string& name = input->target.empty() ? graph.values[input->value].name : input->target;
    if (std::ranges::find(report.mutated, name) == report.mutated.end()) report.mutated.push_back(name);
    if (!options.buffer_outputs || input->kind != InputKind::Buffer) continue;
    const auto is_output = [&](const program::Output& output) {
      return output.kind == OutputKind::BufferMutation && output.target == name;
    };
    if (std::ranges::any_of(graph.outputs, is_output)) continue;
    graph.outputs.push_back({OutputKind::BufferMutation, ref(done.final_value(*input)), name});
  }
}

// What a program that is functional already says of its writes: the outputs that hold them.
void keep_asked_mutations(Graph& graph, const FunctionalizeOptions& options, FunctionalizeReport& report) {
  std::erase_if(graph.outputs, [&](const program::Output& output) {
    const bool is_mutation = output.kind == OutputKind::BufferMutation ||
                             output.kind == OutputKind::ParameterMutation ||
                             output.kind == OutputKind::UserInputMutation;
    if (!is_mutation) return false;
    report.mutated.push_back(output.target);
    return output.kind != OutputKind::BufferMutation || !options.buffer_outputs;
  });
}

// The graphs that run: bodies of inlined wrappers are left behind unused.
std::vector<uint32_t> used_graphs(const Program& program) {
  std::vector<uint32_t> used{0};
  if (program.graphs.size() == 1) return used;
  std::vector<bool> seen(program.graphs.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    for (const Node& node : program.graphs[used[i]]->nodes) {
      for (const NamedArgument& argument : node.args) {
        const auto* body = argument.value.as<program::GraphRef>();
        if (body == nullptr || seen.at(body->index)) continue;
        seen[body->index] = true;
        used.push_back(body->index);
      }
    }
  }
  return used;
}

}  // namespace

FunctionalizeReport functionalize(Program& program, const FunctionalizeOptions& options) {
  FunctionalizeReport report;
  keep_asked_mutations(program.main(), options, report);
  for (uint32_t index : used_graphs(program)) {
    if (!std::ranges::any_of(program.graphs[index]->nodes, sees_memory)) continue;
    Functionalizer functionalizer(program, index);
    functionalizer.run();
    if (index == 0) {
      report_written_inputs(program, functionalizer, options, report);
    } else if (!functionalizer.written_inputs().empty()) {
      fail(ErrorKind::UnsupportedOperator, "a sub-graph of a control-flow operator writes to its inputs");
    }
  }
  return report;
}

}  // namespace modelexport::lower
