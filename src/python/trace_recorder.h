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
#include <memory_resource>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "program/program_builder.h"
#include "python/torch_types.h"
#include "python/trace_log.h"
#include "python/trace_modules.h"
#include "python/trace_operator.h"
#include "python/trace_state.h"

namespace modelexport::python {

// What Python gives the recorder to ask and to tell.
struct TraceHooks {
  nb::object stop;         // stop(reason): raises
  nb::object read;         // read(what): data that depends on the inputs reaches Python; raises unless that is accepted
  nb::object is_constant;  // is_constant(tensor, lifted) -> bool: no data of the inputs can be in it
  nb::object describe;     // describe(class of modules) -> (qualified name, why its modules cannot be traced, or None)
  nb::object storage;      // storage(tensor) -> int, the same for all tensors that share memory
  nb::object watch;        // watch(operator, args, kwargs) -> (result, whether data was read inside)
  // (question, why): calls cannot be recorded where the answer of question() is true
  std::vector<std::pair<nb::object, std::string>> surroundings;
};

class TraceRecorder {
 public:
  TraceRecorder(TraceHooks hooks, program::SchemaLookup lookup);
  TraceRecorder(const TraceRecorder&) = delete;
  TraceRecorder& operator=(const TraceRecorder&) = delete;

  // (path, module) for every path that leads to a module. Their parameters, buffers and the other tensors among their
  // attributes become part of the program when a call uses them. Returns why they cannot be traced, or "".
  std::string add_modules(const nb::list& modules);
  // A leaf of the inputs: a tensor that nothing else knows, or a constant.
  void add_input(nb::handle leaf, std::string name);

  // Around a module's call.
  void enter(nb::handle module) { modules_.enter(module, hooks_.stop); }
  void leave() { modules_.leave(); }
  // Of the innermost module that runs.
  [[nodiscard]] const std::string& module_path() const { return modules_.path(); }

  // Runs `function` and records it. Must be called with recording off for what the function calls itself.
  nb::object call(nb::handle function, const nb::tuple& args, const nb::dict& kwargs);
  // Set while Python's data, known not to hold what depends on the inputs, becomes a tensor (torch.tensor).
  bool lifting = false;
  // An operator runs; what its implementation does in Python is its own affair.
  bool running = false;
  void add_constant(nb::handle tensor);
  // Whether the contents may depend on the inputs or on chance; true for tensors that are not known.
  [[nodiscard]] bool depends(nb::handle tensor) const;

  // A leaf of the results: a tensor or a constant.
  void add_output(nb::handle leaf);
  // The tensors that were there before.
  [[nodiscard]] const TraceState& state() const { return state_; }
  // Lets go of the hooks, which know the recorder; nothing is recorded after this.
  void finish() { hooks_ = {}; }

  // Makes the program of what was recorded. Once only; throws Error for what no program can hold.
  void build();
  // Seconds of build() that went into the scopes.
  [[nodiscard]] double scope_seconds() const { return scope_seconds_; }
  // The program, with the weights as they are now. Once only, after build().
  program::Program take_program();

 private:
  struct Binding {
    nb::object reference;  // weak
    program::ValueId value;
  };
  // An input of the program: a tensor of the state, or a constant among the forward's inputs.
  struct InputNote {
    std::size_t state;
    program::ValueId value;
    nb::object constant;
  };

  [[nodiscard]] const Binding* binding_of(nb::handle tensor) const;
  void bind(nb::handle tensor, program::ValueId value);
  program::ValueId add_value(nb::handle tensor, bool depends);
  program::ValueId add_state_input(std::size_t state);

  void add_argument(nb::handle object);
  program::ValueId tensor_argument(nb::handle tensor);
  program::ValueId unknown_tensor(nb::handle tensor);
  // Whether an argument says the size of results that else follows from data.
  static bool is_sized(const TraceOperator& op, nb::handle args, nb::handle kwargs);
  // Whether a size of the results depends on the inputs' data.
  [[nodiscard]] bool sizes_depend(const TraceOperator& op, nb::handle args);
  void save_written(const TraceOperator& op, nb::handle args, nb::handle kwargs);
  nb::object run(const TraceOperator& op, nb::handle args, nb::handle kwargs);
  program::ValueId add_result(const TraceOperator& op, nb::handle result, bool depends);
  // False when the results are numbers, which no later call refers to.
  bool add_results(const TraceOperator& op, nb::handle result, bool depends);

  void build_inputs();

  TraceHooks hooks_;
  program::Program program_;
  TorchTypes types_;
  program::ProgramBuilder builder_;
  TraceLog log_;

  std::pmr::monotonic_buffer_resource binding_memory_;  // in few pieces, for the reason that TraceLog gives
  std::pmr::unordered_map<PyObject*, Binding> bindings_{&binding_memory_};
  std::vector<bool> depends_;  // by value
  bool args_depend_ = false;   // of the call being recorded
  bool is_sized_ = false;      // of the call being recorded
  bool lifts_ = false;         // the call being recorded takes a tensor that Python's data has just become
  bool all_depend_ = false;    // something that depends was written where other tensors may look

  TraceState state_;
  std::vector<InputNote> inputs_;
  std::size_t constants_ = 0;

  TraceModules modules_;
  nb::str dict_name_, compiled_name_;  // interned
  double scope_seconds_ = 0;
};

}  // namespace modelexport::python
