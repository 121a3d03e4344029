// Programs for tests: built in a few words, printed in one line a call.
#pragma once

#include <string>
#include <vector>

#include "lower/op_table.h"
#include "program/program.h"
#include "program/program_builder.h"

namespace modelexport::testing {

using program::Argument;
using program::Arguments;
using program::Value;
using program::ValueId;
using program::ValueRef;

inline Value tensor(std::vector<int64_t> sizes, std::vector<int64_t> strides = {}, DType dtype = DType::Float32) {
  if (strides.empty()) strides = contiguous_strides(sizes);
  Value value;
  value.dtype = dtype;
  for (int64_t size : sizes) value.sizes.push_back({size});
  for (int64_t stride : strides) value.strides.push_back({stride});
  return value;
}

inline Argument ints(const std::vector<int64_t>& numbers) {
  Arguments list;
  for (int64_t number : numbers) list.push_back({number});
  return {list};
}

inline Argument ref(ValueId id) { return {ValueRef{id}}; }

class TestProgram {
 public:
  TestProgram()
      : builder(program, [](std::string_view target) {
          const lower::Entry* entry = lower::find_op(target);
          return entry == nullptr ? nullptr : &entry->schema;
        }) {}

  ValueId input(Value value, program::InputKind kind = program::InputKind::UserInput, std::string target = "") {
    program::Input input;
    input.kind = kind;
    input.target = std::move(target);
    value.name = "in" + std::to_string(builder.graph().values.size());
    input.value = builder.add_value(std::move(value));
    builder.add_input(input);
    return input.value;
  }

  std::vector<ValueId> call(const std::string& target, std::vector<Argument> arguments, std::vector<Value> results,
                            ScopeId scope = kRootScope, bool recorded = true) {
    std::vector<ValueId> ids;
    for (Value& result : results) ids.push_back(builder.add_value(std::move(result)));
    builder.call(target, "", std::move(arguments), {}, ids, scope, recorded);
    return ids;
  }

  void output(ValueId id) { builder.add_output({program::OutputKind::UserOutput, ref(id), ""}); }

  program::Program program;
  program::ProgramBuilder builder;
};

inline std::string text_of(const Argument& argument) {
  if (const auto* reference = argument.as<ValueRef>()) return "%" + std::to_string(reference->id);
  if (const auto* number = argument.as<int64_t>()) return std::to_string(*number);
  if (const auto* flag = argument.as<bool>()) return *flag ? "true" : "false";
  if (const auto* dtype = argument.as<DType>()) return std::string(name_of(*dtype));
  if (const auto* list = argument.as<Arguments>()) {
    std::string text = "[";
    for (const Argument& item : *list) text += (text.size() > 1 ? ", " : "") + text_of(item);
    return text + "]";
  }
  return argument.is_none() ? "None" : "?";
}

// "%4 = aten::select_scatter(%0, %3, 0, 1)" for every call, then "return %4".
inline std::vector<std::string> text_of(const program::Graph& graph) {
  std::vector<std::string> lines;
  for (const program::Node& node : graph.nodes) {
    std::string line;
    for (ValueId id : node.outputs) line += (line.empty() ? "%" : ", %") + std::to_string(id);
    line += " = " + node.target + "(";
    for (std::size_t i = 0; i < node.args.size(); ++i) line += (i > 0 ? ", " : "") + text_of(node.args[i].value);
    lines.push_back(line + ")");
  }
  std::string line = "return";
  for (const program::Output& output : graph.outputs) line += " " + text_of(output.value);
  lines.push_back(line);
  return lines;
}

}  // namespace modelexport::testing
