#include "program/pt2_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.h"

namespace modelexport::program {

namespace {

// Python's operators have no argument names that mean anything, and higher-order ones none at all.
bool takes_positions(std::string_view target) {
  constexpr std::array<std::string_view, 5> kSpaces = {
      "_operator::", "math::", "torch::", "builtins::", "higher_order::"};
  return std::ranges::any_of(kSpaces, [&](std::string_view space) { return target.starts_with(space); });
}

std::string_view until(std::string_view& rest, char delimiter) {
  const std::size_t end = std::min(rest.find(delimiter), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// "key,path,class;key,path,class", outermost first.
std::vector<StackEntry> parse_stack(std::string_view text) {
  std::vector<StackEntry> stack;
  while (!text.empty()) {
    std::string_view entry = until(text, ';');
    const std::string_view key = until(entry, ',');
    const std::string_view path = until(entry, ',');
    stack.push_back({key, path, entry});
  }
  return stack;
}

}  // namespace

Pt2Graph::Pt2Graph(ProgramBuilder& builder, SymbolTable& symbols, const Members& members)
    : builder_(builder), symbols_(symbols), members_(members) {
  for (const std::string_view key : {"inputs", "outputs", "nodes"}) {
    if (!members.find(key)) members.fail_here("a graph without inputs, outputs or nodes");
  }
  if (const auto in = members.find("tensor_values")) read_tensors(*in);
  if (const auto in = members.find("sym_int_values")) read_scalars(*in, Kind::SymInt);
  if (const auto in = members.find("sym_float_values")) read_scalars(*in, Kind::SymFloat);
  if (const auto in = members.find("sym_bool_values")) read_scalars(*in, Kind::SymBool);
}

void Pt2Graph::read_tensors(json::Reader in) {
  in.object([&](std::string_view key) {
    const std::string name(key);
    TensorMeta meta = read_tensor_meta(in, symbols_);
    Value value;
    value.dtype = meta.dtype;
    value.sizes = std::move(meta.sizes);
    value.strides = std::move(meta.strides);
    describe(name, std::move(value), in);
  });
}

void Pt2Graph::read_scalars(json::Reader in, Kind kind) {
  in.object([&](std::string_view key) {
    const std::string name(key);
    Value value;
    value.kind = kind;
    if (kind == Kind::SymInt) {
      value.scalar = read_size(in, symbols_);
    } else {
      in.skip();
    }
    describe(name, std::move(value), in);
  });
}

void Pt2Graph::describe(std::string_view name, Value value, const json::Reader& in) {
  value.name = name;
  if (!places_.emplace(name, Place{described_.size()}).second) in.fail_here(fmt::format("{} is described twice", name));
  described_.push_back(std::move(value));
}

ValueId Pt2Graph::define(std::string_view name) {
  const auto found = places_.find(name);
  if (found == places_.end()) fail(fmt::format("{} is missing in the graph's tables", name));
  Place& place = found->second;
  if (place.defined != kNoValue) fail(fmt::format("{} is defined twice", name));
  place.defined = builder_.add_value(std::move(described_[place.described]));
  return place.defined;
}

ValueId Pt2Graph::define_token(const std::string& name) {
  if (places_.try_emplace(name, Place{described_.size()}).second) described_.emplace_back().name = name;
  return define(name);
}

Argument Pt2Graph::use(std::string_view name) const {
  const auto found = places_.find(name);
  const ValueId id = found == places_.end() ? kNoValue : found->second.defined;
  if (id == kNoValue) fail(fmt::format("{} is used before it is defined", name));
  return {ValueRef{id}};
}

Argument Pt2Graph::read(json::Reader& in, Name name) {
  Argument result;
  read_union(in, [&](std::string_view tag) { result = read_member(tag, in, name); });
  return result;
}

Argument Pt2Graph::read_member(std::string_view tag, json::Reader& in, Name name) {
  const auto resolve = [&](std::string_view value) {
    return name == Name::Used ? use(value) : Argument{ValueRef{define(value)}};
  };
  const auto tensor = [&] { return resolve(program::read_member(in, "name")); };
  const auto tensors = [&] { return read_list(in, tensor); };
  if (tag == "as_tensor") return tensor();
  if (tag == "as_name") return resolve(in.string());
  if (tag == "as_tensors") return tensors();
  if (tag == "as_nested_tensors") return read_list(in, tensors);
  if (tag == "as_graph") return read_subgraph(in);
  // A union of its own, whose members are called as here.
  if (tag == "as_sym_int" || tag == "as_sym_float" || tag == "as_sym_bool" || tag == "as_optional_tensor") {
    return read(in, name);
  }
  if (tag == "as_sym_ints" || tag == "as_sym_floats" || tag == "as_sym_bools" || tag == "as_optional_tensors") {
    return read_list(in, [&] { return read(in, name); });
  }
  return read_constant(tag, in);
}

Argument Pt2Graph::read_subgraph(json::Reader& in) {
  uint32_t index = 0;
  std::string name;
  in.object([&](std::string_view key) {
    if (key == "name") {
      name = in.string();
    } else if (key == "graph") {
      index = builder_.begin_graph();
      with_context(name, [&] {
        const Members members(in);
        Pt2Graph graph(builder_, symbols_, members);
        graph.read_inputs();
        graph.read_nodes();
        graph.read_outputs();
      });
      builder_.end_graph();
    } else {
      in.skip();
    }
  });
  if (index == 0) in.fail_here("a sub-graph without its graph");
  return {GraphRef{index}};
}

void Pt2Graph::read_inputs() {
  json::Reader in = members_.at("inputs");
  in.array([&] {
    Input input;
    Argument defined = definition(in);
    if (const auto* ref = defined.as<ValueRef>()) {
      input.value = ref->id;
    } else {
      input.constant = std::move(defined);
    }
    builder_.add_input(std::move(input));
  });
}

void Pt2Graph::read_outputs() {
  json::Reader in = members_.at("outputs");
  in.array([&] {
    Output output;
    output.value = argument(in);
    builder_.add_output(std::move(output));
  });
}

void Pt2Graph::read_nodes() {
  json::Reader in = members_.at("nodes");
  in.array([&] { read_node(in); });
}

// Reads the parts of a node in the order in which they are needed: its name, which errors tell, comes last in the text.
void Pt2Graph::read_node(json::Reader& in) {
  std::string target;
  std::string name;
  std::string_view inputs;
  std::string_view outputs;
  std::string_view metadata;
  in.object([&](std::string_view key) {
    if (key == "target") {
      target = canonical_target(in.string());
    } else if (key == "inputs") {
      inputs = in.skip();
    } else if (key == "outputs") {
      outputs = in.skip();
    } else if (key == "metadata") {
      metadata = in.skip();
    } else if (key == "name" && !in.accept_null()) {
      name = in.string();
    } else if (key != "name") {
      in.skip();
    }
  });
  if (inputs.empty() || outputs.empty() || metadata.empty()) in.fail_here("a node without inputs, outputs or metadata");
  try {
    std::vector<Argument> positional;
    std::vector<NamedArgument> keyword;
    read_arguments(in.of(inputs), takes_positions(target), positional, keyword);
    const auto [scope, is_recorded] = read_scope(in.of(metadata));
    std::vector<ValueId> results = read_results(in.of(outputs), name);
    builder_.call(target, {}, std::move(positional), std::move(keyword), std::move(results), scope, is_recorded);
  } catch (const Error& error) {
    throw error.in(fmt::format("node {}", name.empty() ? target : name));
  }
}

void Pt2Graph::read_arguments(json::Reader in, bool by_position, std::vector<Argument>& positional,
                              std::vector<NamedArgument>& keyword) {
  constexpr int64_t kKeyword = 2;
  in.array([&] {
    NamedArgument named;
    bool is_keyword = !by_position;
    in.object([&](std::string_view key) {
      if (key == "name") {
        named.name = in.string();
      } else if (key == "arg") {
        named.value = argument(in);
      } else if (key == "kind" && !in.accept_null()) {
        is_keyword = in.integer() == kKeyword || is_keyword;
      } else if (key != "kind") {
        in.skip();
      }
    });
    if (is_keyword && !named.name.empty()) {
      keyword.push_back(std::move(named));
    } else {
      positional.push_back(std::move(named.value));
    }
  });
}

std::vector<ValueId> Pt2Graph::read_results(json::Reader in, const std::string& node) {
  Arguments results;
  in.array([&] { results.push_back(definition(in)); });
  std::vector<ValueId> ids;
  const bool is_nothing = results.size() == 1 && results.front().is_none();
  if (!is_nothing) add_result({std::move(results)}, node, ids);
  return ids;
}

// Lists flattened; what the call leaves out or knows beforehand is a value too.
void Pt2Graph::add_result(const Argument& result, const std::string& node, std::vector<ValueId>& ids) {
  if (const auto* items = result.as<Arguments>()) {
    for (const Argument& item : *items) add_result(item, node, ids);
    return;
  }
  if (const auto* ref = result.as<ValueRef>()) {
    ids.push_back(ref->id);
    return;
  }
  Value value;
  value.name = fmt::format("{}_unused_{}", node, ids.size());
  value.kind = result.is_none() ? Kind::None : result.as<bool>() != nullptr ? Kind::SymBool : Kind::SymFloat;
  if (const auto* number = result.as<int64_t>()) {
    value.kind = Kind::SymInt;
    value.scalar = {*number};
  }
  ids.push_back(builder_.add_value(std::move(value)));
}

std::pair<ScopeId, bool> Pt2Graph::read_scope(json::Reader metadata) {
  std::pair<ScopeId, bool> result = {kRootScope, false};
  metadata.object([&](std::string_view key) {
    if (key != "nn_module_stack") {
      metadata.skip();
      return;
    }
    const std::string_view text = metadata.string();
    if (text != last_stack_) {
      last_stack_ = text;
      const std::vector<StackEntry> stack = parse_stack(last_stack_);
      last_scope_ = {builder_.scope(stack), ProgramBuilder::is_record(stack)};
    }
    result = last_scope_;
  });
  return result;
}

}  // namespace modelexport::program
