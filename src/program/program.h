// What torch.export said, as plain structs. Built through ProgramBuilder by every reader; nothing after it
// knows which reader was used.
//
// Ownership: a Program owns its graphs; a Graph owns its nodes and values. Ids index those vectors and stay
// valid, because nothing is ever erased from them. Nodes are in execution order.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "program/aten_schema.h"
#include "program/symbols.h"
#include "scope/module_tree.h"
#include "support/dtype.h"
#include "support/tensor_view.h"

namespace modelexport::program {

using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0xffffffffU;

enum class Kind : uint8_t { Tensor, SymInt, SymFloat, SymBool, None };

// `sizes` and `strides` belong to tensors; `scalar` to a SymInt.
struct Value {
  std::string name;
  Kind kind = Kind::Tensor;
  DType dtype = DType::Undefined;
  std::vector<Dim> sizes;
  std::vector<Dim> strides;
  Dim scalar;
};

struct Argument;
using Arguments = std::vector<Argument>;

struct ValueRef {
  ValueId id;
};
struct GraphRef {
  uint32_t index;  // into Program::graphs
};
struct DeviceName {
  std::string name;
};
struct MemoryFormat {
  std::string name;  // "contiguous_format", "preserve_format", "channels_last", ...
};
struct Layout {
  std::string name;  // "strided", ...
};

struct Argument {
  std::variant<std::monostate, ValueRef, int64_t, double, bool, std::string, std::complex<double>, DType, DeviceName,
               MemoryFormat, Layout, GraphRef, Arguments>
      value;

  [[nodiscard]] bool is_none() const { return std::holds_alternative<std::monostate>(value); }
  template <typename T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&value);
  }
};

struct NamedArgument {
  std::string name;
  Argument value;
};

// `target` is "aten::add.Tensor" (default overloads without suffix: "aten::relu"), "_operator::add",
// "math::floor", "torch::sym_max", or "higher_order::cond".
// `schema` is null for targets that have none (the Python operators and higher-order ones).
struct Node {
  std::string target;
  const Schema* schema = nullptr;
  std::vector<NamedArgument> args;  // in schema order, defaults filled in
  std::vector<ValueId> outputs;     // tuple and list results flattened; unused ones present
  ScopeId scope = kRootScope;
  Provenance provenance = Provenance::Exact;

  // Null when there is no such argument.
  [[nodiscard]] const Argument* find(std::string_view name) const;
};

enum class InputKind : uint8_t { UserInput, Parameter, Buffer, Constant, Token, Unused };
struct Input {
  InputKind kind = InputKind::UserInput;
  ValueId value = kNoValue;
  std::string target;      // fully qualified name of a parameter, buffer or constant
  bool persistent = true;  // buffers: in the state_dict
  TensorView weight;       // not for user inputs
  Argument constant;       // a user input that is a plain constant (int, None, ...): its value
};

enum class OutputKind : uint8_t { UserOutput, BufferMutation, ParameterMutation, UserInputMutation, Token };
struct Output {
  OutputKind kind = OutputKind::UserOutput;
  Argument value;      // a ValueRef, or a constant (an int, None, ...)
  std::string target;  // of a mutation: the buffer's, parameter's or input's name
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<Input> inputs;  // sub-graphs have user inputs only
  std::vector<Output> outputs;
};

struct Program {
  std::vector<std::unique_ptr<Graph>> graphs;  // [0] is the main one
  ModuleTree modules;
  SymbolTable symbols;
  std::vector<std::string> output_names;  // of the user outputs; from the output structure's keys
  // Schemas met that no op-table row has (custom operators); rows' schemas live in the table.
  std::vector<std::unique_ptr<Schema>> schemas;

  [[nodiscard]] Graph& main() { return *graphs.front(); }
  [[nodiscard]] const Graph& main() const { return *graphs.front(); }
};

}  // namespace modelexport::program
