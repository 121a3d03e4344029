#include "python/trace_recorder.h"

#include <fmt/format.h>
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "python/stopwatch.h"
#include "support/error.h"

namespace modelexport::python {

using program::InputKind;
using program::ValueId;

namespace {

// Sets a flag for as long as it lives.
class Raised {
 public:
  explicit Raised(bool& flag) : flag_(flag) { flag_ = true; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;
  ~Raised() { flag_ = false; }

 private:
  bool& flag_;
};

// The call `callable(*args, **kwargs)` of Python.
nb::object apply(nb::handle callable, nb::handle args, nb::handle kwargs) {
  PyObject* result = PyObject_Call(callable.ptr(), args.ptr(), kwargs.ptr());
  if (result == nullptr) throw nb::python_error();
  return nb::steal(result);
}

bool is_number(nb::handle object) {
  return PyBool_Check(object.ptr()) || PyLong_Check(object.ptr()) || PyFloat_Check(object.ptr()) ||
         PyComplex_Check(object.ptr());
}

bool is_sequence(nb::handle object) { return PyTuple_Check(object.ptr()) || PyList_Check(object.ptr()); }

template <typename Visit>
void for_each_argument(nb::handle args, nb::handle kwargs, const std::vector<std::string>& names, const Visit& visit) {
  std::size_t position = 0;
  for (nb::handle item : nb::borrow<nb::tuple>(args)) visit(position++, item);
  for (auto [key, item] : nb::borrow<nb::dict>(kwargs)) {
    const auto found = std::ranges::find(names, text_of(key));
    if (found != names.end()) visit(static_cast<std::size_t>(found - names.begin()), item);
  }
}

}  // namespace

TraceRecorder::TraceRecorder(TraceHooks hooks, program::SchemaLookup lookup)
    : hooks_(std::move(hooks)),
      types_(program_.symbols),
      builder_(program_, std::move(lookup)),
      state_(types_, hooks_.storage),
      dict_name_(interned("__dict__")),
      compiled_name_(interned("_compiled_call_impl")) {}

// ---- modules --------------------------------------------------------------------------------------------------------

std::string TraceRecorder::add_modules(const nb::list& modules) {
  std::unordered_map<PyTypeObject*, std::pair<std::string, std::string>> classes;
  for (nb::handle entry : modules) {
    const auto pair = nb::borrow<nb::tuple>(entry);
    std::string path(text_of(pair[0]));
    const nb::handle module = pair[1];
    const auto [found, is_new] = classes.try_emplace(Py_TYPE(module.ptr()));
    auto& [name, refusal] = found->second;
    if (is_new) std::tie(name, refusal) = nb::cast<std::pair<std::string, std::string>>(hooks_.describe(module.type()));
    const nb::object compiled = nb::borrow<nb::dict>(module.attr(dict_name_)).get(compiled_name_, nb::none());
    const std::string why = compiled.is_none() || !refusal.empty() ? refusal : "is compiled";
    if (!why.empty()) return fmt::format("{} {}", path.empty() ? "the model" : path, why);
    if (std::string reason = state_.add_module(module, path.empty() ? "" : path + "."); !reason.empty()) return reason;
    modules_.add(module, std::move(path), name);
  }
  return "";
}

// ---- tensors --------------------------------------------------------------------------------------------------------

const TraceRecorder::Binding* TraceRecorder::binding_of(nb::handle tensor) const {
  const auto found = bindings_.find(tensor.ptr());
  if (found == bindings_.end()) return nullptr;
  return PyWeakref_GetObject(found->second.reference.ptr()) == tensor.ptr() ? &found->second : nullptr;
}

void TraceRecorder::bind(nb::handle tensor, ValueId value) {
  PyObject* reference = PyWeakref_NewRef(tensor.ptr(), nullptr);
  if (reference == nullptr) throw nb::python_error();
  bindings_[tensor.ptr()] = {nb::steal(reference), value};
}

ValueId TraceRecorder::add_value(nb::handle tensor, bool depends) {
  const ValueId id = log_.add_value(tensor);
  depends_.push_back(depends);
  return id;
}

void TraceRecorder::add_input(nb::handle leaf, std::string name) {
  if (!types_.is_tensor(leaf)) {
    inputs_.push_back({TraceState::kNone, program::kNoValue, nb::borrow(leaf)});
    return;
  }
  inputs_.push_back({state_.size(), add_value(leaf, true), {}});
  bind(leaf, inputs_.back().value);
  state_.add_input(leaf, std::move(name));
}

void TraceRecorder::add_constant(nb::handle tensor) {
  if (binding_of(tensor) == nullptr) {
    state_.add(tensor, InputKind::Constant, fmt::format("lifted_tensor_{}", constants_++), false);
  }
}

ValueId TraceRecorder::add_state_input(std::size_t state) {
  const ValueId value = add_value(state_[state].tensor, false);
  bind(state_[state].tensor, value);
  inputs_.push_back({state, value, {}});
  return value;
}

bool TraceRecorder::depends(nb::handle tensor) const {
  if (all_depend_) return true;
  if (const Binding* bound = binding_of(tensor)) return depends_[bound->value];
  return state_.find(tensor) == TraceState::kNone;
}

ValueId TraceRecorder::tensor_argument(nb::handle tensor) {
  ValueId value = 0;
  if (const Binding* bound = binding_of(tensor)) {
    value = bound->value;
  } else if (const std::size_t index = state_.find(tensor); index != TraceState::kNone) {
    value = add_state_input(index);
  } else {
    value = unknown_tensor(tensor);
  }
  args_depend_ = args_depend_ || all_depend_ || depends_[value];
  return value;
}

ValueId TraceRecorder::unknown_tensor(nb::handle tensor) {
  if (!state_.is_plain_class(tensor)) {
    hooks_.stop(fmt::format("a {} is no plain tensor", text_of(str_of(tensor.type().attr("__name__")))));
  }
  if (!(lifting && lifts_) && !nb::cast<bool>(hooks_.is_constant(tensor, lifts_))) {
    hooks_.stop(fmt::format("a tensor of shape {} comes from outside the recorded calls",
                            text_of(str_of(nb::list(tensor.attr("shape"))))));
  }
  add_constant(tensor);
  return add_state_input(state_.find(tensor));
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void TraceRecorder::add_argument(nb::handle object) {
  if (types_.is_tensor(object)) {
    log_.add_argument(tensor_argument(object));
  } else if (is_sequence(object)) {
    log_.add_list(nb::len(object));
    for (nb::handle item : object) add_argument(item);
  } else {
    log_.add_constant(object);
  }
}

nb::object TraceRecorder::call(nb::handle function, const nb::tuple& args, const nb::dict& kwargs) {
  const TraceOperator& op = trace_operator(function);
  // Whether the sizes of its results follow from data, only its author knows, or the op table.
  if (!op.name.starts_with("aten::") && !builder_.knows(op.name)) {
    hooks_.stop(fmt::format("{} is an operator of another library", op.name));
  }
  for (const auto& [question, why] : hooks_.surroundings) {
    if (PyObject_IsTrue(nb::object(question()).ptr()) == 1) hooks_.stop(why);
  }
  args_depend_ = false;
  lifts_ = op.lifts;
  log_.drop_call();  // what a call that failed has left
  for (nb::handle item : args) add_argument(item);
  for (auto [key, item] : kwargs) {
    log_.add_keyword(key);
    add_argument(item);
  }
  const bool depends = args_depend_ || op.is_random;
  is_sized_ = is_sized(op, args, kwargs);
  if (sizes_depend(op, args)) hooks_.read(fmt::format("{} has as many results as the data says", op.name));
  save_written(op, args, kwargs);

  nb::object result = run(op, args, kwargs);
  if (add_results(op, result, depends)) log_.end_call(op, modules_.running());
  return result;
}

bool TraceRecorder::is_sized(const TraceOperator& op, nb::handle args, nb::handle kwargs) {
  if (op.size_argument >= op.argument_names.size()) return false;
  bool given = false;
  for_each_argument(args, kwargs, op.argument_names, [&](std::size_t index, nb::handle item) {
    given = given || (index == op.size_argument && PyLong_Check(item.ptr()) && nb::cast<int64_t>(item) >= 0);
  });
  return given;
}

bool TraceRecorder::sizes_depend(const TraceOperator& op, nb::handle args) {
  if (!op.sizes_from_data || !args_depend_ || is_sized_) return false;
  if (op.name != "aten::index.Tensor") return true;
  // Only masks say how many elements there are.
  for (nb::handle index : nb::object(args[1])) {
    if (!types_.is_tensor(index) || !depends(index)) continue;
    const DType dtype = types_.dtype(index.attr("dtype"));
    if (dtype == DType::Bool || dtype == DType::UInt8) return true;
  }
  return false;
}

nb::object TraceRecorder::run(const TraceOperator& op, nb::handle args, nb::handle kwargs) {
  nb::object result;
  bool reads = false;
  {
    const Raised running_now(running);
    // With the size given, data is read to refuse what does not fit it.
    if (!op.is_watched || is_sized_) return apply(op.run, args, kwargs);
    const nb::tuple watched(hooks_.watch(op.overload, args, kwargs));
    result = watched[0];
    reads = nb::cast<bool>(watched[1]);
  }
  if (args_depend_ && reads && !is_number(result)) hooks_.read(fmt::format("{} reads its arguments' data", op.name));
  return result;
}

bool TraceRecorder::add_results(const TraceOperator& op, nb::handle result, bool depends) {
  if (is_number(result)) {
    if (depends) hooks_.read(fmt::format("{} gives Python a number", op.name));
    return false;
  }
  if (result.is_none()) {
    all_depend_ = all_depend_ || (op.mutates && depends);
    return true;
  }
  if (!is_sequence(result)) {
    log_.add_result(add_result(op, result, depends));
    return true;
  }
  for (nb::handle item : result) {
    if (!add_results(op, item, depends)) hooks_.stop(fmt::format("{} returns tensors and numbers", op.name));
  }
  return true;
}

ValueId TraceRecorder::add_result(const TraceOperator& op, nb::handle result, bool depends) {
  const Binding* known = binding_of(result);
  if (known != nullptr && op.mutates && depends && !depends_[known->value]) all_depend_ = true;
  const ValueId value = add_value(result, depends || (known != nullptr && depends_[known->value]));
  // A call that returns its argument as it is makes no other tensor: whoever has it sees later writes to both.
  if (known == nullptr || op.mutates) bind(result, value);
  return value;
}

// ---- state that is written ------------------------------------------------------------------------------------------

void TraceRecorder::save_written(const TraceOperator& op, nb::handle args, nb::handle kwargs) {
  if (op.mutates) {
    for_each_argument(args, kwargs, op.argument_names, [&](std::size_t index, nb::handle item) {
      if (index >= op.is_written.size() || !op.is_written[index]) return;
      if (is_sequence(item)) {
        for (nb::handle tensor : item) state_.save_sharing(tensor);
      } else if (types_.is_tensor(item)) {
        state_.save_sharing(item);
      }
    });
    return;
  }
  if (!op.keeps_statistics) return;
  bool trains = false;
  for_each_argument(args, kwargs, op.argument_names, [&](std::size_t index, nb::handle item) {
    trains = trains || (is_training_flag(op.argument_names[index]) && item.is(nb::handle(Py_True)));
  });
  if (!trains) return;
  for_each_argument(args, kwargs, op.argument_names, [&](std::size_t index, nb::handle item) {
    if (!is_statistic(op.argument_names[index]) || !types_.is_tensor(item)) return;
    state_.save_sharing(item);
    depends_[binding_of(item)->value] = true;
  });
}

// ---- results --------------------------------------------------------------------------------------------------------

void TraceRecorder::add_output(nb::handle leaf) {
  add_argument(leaf);
  log_.end_output();
}

void TraceRecorder::build() {
  std::vector<ScopeId> scopes;
  {
    const Stopwatch watch(scope_seconds_);
    scopes = modules_.scopes(program_.modules);
  }
  log_.build(builder_, types_, scopes);
  build_inputs();
}

void TraceRecorder::build_inputs() {
  for (const InputNote& note : inputs_) {
    program::Input input;
    input.value = note.value;
    if (note.state == TraceState::kNone) {
      input.constant = types_.constant(note.constant);
    } else {
      const StateTensor& state = state_[note.state];
      builder_.graph().values[note.value].name = state.name;
      input.kind = state.kind;
      input.persistent = state.persistent;
      if (state.kind != InputKind::UserInput) input.target = state.name;
    }
    builder_.add_input(std::move(input));
  }
}

program::Program TraceRecorder::take_program() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    program::Input& input = program_.main().inputs[i];
    if (input.kind == InputKind::UserInput) continue;
    input.weight = types_.weight(state_[inputs_[i].state].tensor, input.target);
  }
  return std::move(program_);
}

}  // namespace modelexport::python
