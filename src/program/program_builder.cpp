#include "program/program_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "support/error.h"
#include "support/memory_limit.h"

namespace modelexport::program {

namespace {

constexpr std::string_view kNoRecord = "_empty_nn_module_stack_from_metadata_hook";

// "L__self___encoder@2" is the third call of that module.
uint32_t call_index(std::string_view key) {
  const std::size_t at = key.rfind('@');
  if (at == std::string_view::npos) return 0;
  uint32_t index = 0;
  const std::string_view digits = key.substr(at + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return error == std::errc() && end == digits.data() + digits.size() ? index : 0;
}

const SchemaArgument& named(const Schema& schema, std::string_view name) {
  const auto found = std::ranges::find(schema.arguments, name, &SchemaArgument::name);
  if (found == schema.arguments.end()) fail(fmt::format("{} has no argument \"{}\"", schema.name, name));
  return *found;
}

// Arguments in schema order, each from where it is: by position, by keyword, or the schema's default.
std::vector<NamedArgument> bind(const Schema& schema, std::vector<Argument> positional,
                                std::vector<NamedArgument> keyword) {
  if (positional.size() > schema.arguments.size()) {
    fail(fmt::format("{} takes {} arguments, not {}", schema.name, schema.arguments.size(), positional.size()));
  }
  std::vector<NamedArgument> bound(schema.arguments.size());
  std::vector<bool> given(bound.size());
  const auto give = [&](std::size_t index, Argument value) {
    if (given[index]) fail(fmt::format("{} is given \"{}\" twice", schema.name, schema.arguments[index].name));
    given[index] = true;
    bound[index].value = std::move(value);
  };
  for (std::size_t i = 0; i < positional.size(); ++i) give(i, std::move(positional[i]));
  for (NamedArgument& argument : keyword) {
    const auto index = &named(schema, argument.name) - schema.arguments.data();
    give(static_cast<std::size_t>(index), std::move(argument.value));
  }
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const SchemaArgument& argument = schema.arguments[i];
    bound[i].name = argument.name;
    if (given[i]) continue;
    if (argument.default_value == nullptr) {
      fail(fmt::format("{} misses its argument \"{}\"", schema.name, argument.name));
    }
    bound[i].value = *argument.default_value;
  }
  return bound;
}

// The same for a target without a schema.
std::vector<NamedArgument> enumerate(std::string_view target, std::vector<Argument> positional,
                                     std::vector<NamedArgument> keyword) {
  const bool by_letter = !target.starts_with("higher_order::") && positional.size() <= 26;
  std::vector<NamedArgument> result;
  result.reserve(positional.size() + keyword.size());
  for (std::size_t i = 0; i < positional.size(); ++i) {
    std::string name = by_letter ? std::string(1, static_cast<char>('a' + i)) : std::to_string(i);
    result.push_back({std::move(name), std::move(positional[i])});
  }
  std::ranges::move(keyword, std::back_inserter(result));
  return result;
}

}  // namespace

ProgramBuilder::ProgramBuilder(Program& program, SchemaLookup lookup) : program_(program), lookup_(std::move(lookup)) {
  if (program_.graphs.empty()) program_.graphs.push_back(std::make_unique<Graph>());
  open_.push_back(0);
}

uint32_t ProgramBuilder::begin_graph() {
  const auto index = static_cast<uint32_t>(program_.graphs.size());
  program_.graphs.push_back(std::make_unique<Graph>());
  open_.push_back(index);
  return index;
}

void ProgramBuilder::end_graph() {
  if (open_.size() < 2) fail(ErrorKind::Internal, "end_graph() without begin_graph()");
  open_.pop_back();
}

ValueId ProgramBuilder::add_value(Value value) {
  std::vector<Value>& values = graph().values;
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ScopeId ProgramBuilder::scope(const std::vector<StackEntry>& stack) {
  ScopeId scope = kRootScope;
  if (!is_record(stack)) return scope;
  for (const StackEntry& entry : stack) {
    if (entry.path.empty()) {
      if (program_.modules[kRootScope].qualified_class.empty()) {
        program_.modules.set_root_class(std::string(entry.qualified_class));
      }
    } else {
      scope = program_.modules.enter(scope, entry.path, entry.qualified_class, call_index(entry.key));
    }
  }
  return scope;
}

bool ProgramBuilder::is_record(const std::vector<StackEntry>& stack) {
  return !stack.empty() && stack.front().key != kNoRecord;
}

bool ProgramBuilder::knows(std::string_view target) const {
  return schemas_.contains(std::string(target)) || (lookup_ && lookup_(target) != nullptr);
}

Node& ProgramBuilder::call(std::string target, std::string_view schema_text, std::vector<Argument> positional,
                           std::vector<NamedArgument> keyword, std::vector<ValueId> outputs, ScopeId scope,
                           bool recorded) {
  check_memory();
  Node node;
  node.schema = schema_of(target, schema_text);
  node.args = node.schema != nullptr ? bind(*node.schema, std::move(positional), std::move(keyword))
                                     : enumerate(target, std::move(positional), std::move(keyword));
  node.target = std::move(target);
  node.outputs = std::move(outputs);
  node.scope = scope;
  node.provenance = recorded ? Provenance::Exact : Provenance::Fallback;
  return graph().nodes.emplace_back(std::move(node));
}

const Schema* ProgramBuilder::schema_of(const std::string& target, std::string_view schema_text) {
  const auto [known, is_new] = schemas_.try_emplace(target, nullptr);
  if (!is_new) return known->second;
  const Schema* schema = lookup_ ? lookup_(target) : nullptr;
  if (schema == nullptr && !schema_text.empty()) {
    program_.schemas.push_back(std::make_unique<Schema>(parse_schema(schema_text)));
    schema = program_.schemas.back().get();
  }
  known->second = schema;
  return schema;
}

std::string canonical_target(std::string_view torch_name) {
  if (torch_name.starts_with("torch.ops.")) {
    torch_name.remove_prefix(std::string_view("torch.ops.").size());
  }
  const std::size_t dot = torch_name.find('.');
  if (dot == std::string_view::npos) return std::string(torch_name);
  std::string_view rest = torch_name.substr(dot + 1);
  if (rest.ends_with(".default")) rest.remove_suffix(std::string_view(".default").size());
  return fmt::format("{}::{}", torch_name.substr(0, dot), rest);
}

std::string torch_name(std::string_view canonical) {
  const std::size_t colons = canonical.find("::");
  if (colons == std::string_view::npos) return std::string(canonical);
  const std::string_view space = canonical.substr(0, colons);
  const std::string_view rest = canonical.substr(colons + 2);
  const bool is_overload =
      space != "_operator" && space != "math" && space != "torch" && space != "higher_order" && space != "builtins";
  const bool needs_default = is_overload && rest.find('.') == std::string_view::npos;
  return fmt::format("{}.{}{}", space, rest, needs_default ? ".default" : "");
}

}  // namespace modelexport::program
