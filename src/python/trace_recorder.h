// Records the ATen calls of one eager forward into a Program.
//
// Python calls call() in place of every operator; everything else here says what tensors are: inputs, the model's
// state, or constants. A tensor is known by its identity, through weak references: recording keeps no activation
// alive, and an address that is used again is never taken for the tensor that was there before.
//
// What a trace cannot say is refused through `stop`, which raises: data that reaches Python, tensors whose origin
// nobody saw, operators of other libraries.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "program/program_builder.h"
#include "python/torch_types.h"

namespace modelexport::python {

// What Python gives the recorder to ask and to tell.
struct TraceHooks {
  nb::object stop;         // stop(reason): raises
  nb::object read;         // read(what): data that depends on the inputs reaches Python; raises unless that is accepted
  nb::object is_constant;  // is_constant(tensor, lifted) -> bool: no data of the inputs can be in it
  nb::object storage;      // storage(tensor) -> int, the same for all tensors that share memory
  nb::object watch;        // watch(operator, args, kwargs) -> (result, whether data was read inside)
  nb::object surroundings;  // surroundings() -> None, or why calls cannot be recorded now
};

class TraceRecorder {
 public:
  // `unwatched` names composite operators that are known not to read data, so that they need no watching.
  TraceRecorder(TraceHooks hooks, program::SchemaLookup lookup, std::unordered_set<std::string> unwatched);
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  // A module and a path that leads to it; once for each of its paths. Its parameters, buffers and the other tensors
  // among its attributes become part of the program when a call uses them.
  void add_module(nb::handle module, std::string path, std::string qualified_class);
  // A leaf of the inputs: a tensor that nothing else knows, or a constant.
  void add_input(nb::handle leaf, std::string name);

  // Around a module's call. Modules without a path leave the scope as it is.
  void enter(nb::handle module);
  void leave();
  [[nodiscard]] double scope_seconds() const { return scope_seconds_; }
  [[nodiscard]] const std::string& module_path() const { return program_.modules[scope_].path; }

  // Runs `function` and records it. Must be called with recording off for what the function calls itself.
  nb::object call(nb::handle function, nb::tuple args, nb::dict kwargs);
  // Set while Python's data, known not to hold what depends on the inputs, becomes a tensor (torch.tensor).
  bool lifting = false;
  // An operator runs; what its implementation does in Python is its own affair.
  bool running = false;
  void add_constant(nb::handle tensor);
  // Whether the contents may depend on the inputs or on chance; true for tensors that are not known.
  [[nodiscard]] bool depends(nb::handle tensor) const;

  // A leaf of the results: a tensor or a constant.
  void add_output(nb::handle leaf);
  // (tensor, contents before the first write) of inputs and state that was written.
  [[nodiscard]] nb::list saved() const;
  // Lets go of the hooks, which know the recorder; nothing is recorded after this.
  void finish() { hooks_ = {}; }
  // The program, with the weights as they are now. Once only.
  program::Program take_program();

 private:
  struct Operator {
    nb::object overload;  // keeps its address unique
    nb::object run;
    std::string name, schema_text;
    std::vector<std::string> argument_names;
    std::vector<bool> is_written;
    std::string refusal;
    bool is_composite = false;
    bool sizes_from_data = false;
    bool mutates = false;
    bool keeps_statistics = false;
    bool is_random = false;
    bool lifts = false;
  };
  struct Binding {
    nb::object reference;  // weak
    program::ValueId value;
  };
  struct State {
    nb::object tensor;
    program::InputKind kind;
    std::string name;
    bool persistent;
    bool is_saved = false;
  };

  void add_tensors(nb::handle module, const std::string& start);
  void add_state(nb::handle tensor, program::InputKind kind, std::string name, bool persistent);
  const Operator& operator_of(nb::handle function);
  [[nodiscard]] bool is_tensor(nb::handle object) const;
  [[nodiscard]] const Binding* binding_of(nb::handle tensor) const;
  void bind(nb::handle tensor, program::ValueId value);
  program::ValueId add_value(nb::handle tensor, bool depends);
  program::ValueId add_state_input(State& state);

  program::Argument argument(nb::handle object);
  program::ValueId tensor_argument(nb::handle tensor);
  program::ValueId unknown_tensor(nb::handle tensor);
  // Whether a size of the results depends on the inputs' data.
  bool sizes_depend(const Operator& op, const std::vector<program::Argument>& positional) const;
  void save_written(const Operator& op, nb::handle args, nb::handle kwargs);
  void save_sharing(nb::handle tensor);
  nb::object run(const Operator& op, nb::handle args, nb::handle kwargs);
  program::ValueId add_result(const Operator& op, nb::handle result, bool depends);
  // False when the results are numbers, which no later call refers to.
  bool add_results(const Operator& op, nb::handle result, bool depends, std::vector<program::ValueId>& ids);

  TraceHooks hooks_;
  std::unordered_set<std::string> unwatched_;
  program::Program program_;
  TorchTypes types_;
  program::ProgramBuilder builder_;
  nb::object tensor_type_, parameter_type_, buffer_type_;
  nb::object sizes_tag_, random_tag_;

  std::unordered_map<PyObject*, Binding> bindings_;
  std::vector<bool> depends_;  // by value
  bool args_depend_ = false;   // of the call being recorded
  bool lifts_ = false;         // the call being recorded takes a tensor that Python's data has just become
  bool all_depend_ = false;    // something that depends was written where other tensors may look

  std::vector<State> states_;
  std::unordered_map<PyObject*, std::size_t> state_of_;
  std::unordered_map<program::ValueId, std::size_t> state_inputs_;
  std::vector<std::pair<std::size_t, std::size_t>> weights_;  // (graph input, state) that need their bytes
  std::unordered_multimap<uint64_t, std::size_t> storages_;
  std::size_t stored_ = 0;  // states that storages_ knows
  std::vector<std::pair<nb::object, nb::object>> saved_;
  std::size_t constants_ = 0;

  struct ModuleName {
    std::string path;
    uint32_t calls = 0;
  };
  struct Module {
    std::vector<ModuleName> names;
    std::string qualified_class;
  };
  // By which of its names a module is called; stops where that does not follow from the module that calls it.
  ModuleName& called_name(Module& called);
  std::unordered_map<PyObject*, Module> modules_;
  std::vector<ScopeId> outer_scopes_;
  ScopeId scope_ = kRootScope;
  double scope_seconds_ = 0;  // spent on entering scopes
};

}  // namespace modelexport::python
