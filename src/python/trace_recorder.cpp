#include "python/trace_recorder.h"

#include <fmt/format.h>

#include <algorithm>
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

// Of an input of the program that is no tensor.
constexpr std::size_t kNoState = ~std::size_t{0};

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
      dict_name_(interned("__dict__")),
      parameters_name_(interned("_parameters")),
      buffers_name_(interned("_buffers")),
      passing_name_(interned("_non_persistent_buffers_set")) {
  const nb::module_ torch = nb::module_::import_("torch");
  tensor_type_ = torch.attr("Tensor");
  parameter_type_ = torch.attr("nn").attr("Parameter");
  buffer_type_ = torch.attr("nn").attr("Buffer");
}

// ---- modules --------------------------------------------------------------------------------------------------------

void TraceRecorder::add_module(nb::handle module, std::string path, std::string qualified_class) {
  add_tensors(module, path.empty() ? "" : path + ".");
  modules_.add(module, std::move(path), std::move(qualified_class));
}

void TraceRecorder::add_tensors(nb::handle module, const std::string& start) {
  const auto attributes = nb::borrow<nb::dict>(module.attr(dict_name_));
  const auto add_all = [&](nb::handle tensors, InputKind kind, const nb::set& passing) {
    for (auto [name, tensor] : nb::borrow<nb::dict>(tensors)) {
      if (types_.is_tensor(tensor))
        add_state(tensor, kind, start + std::string(text_of(name)), !passing.contains(name));
    }
  };
  const nb::set none;
  add_all(attributes[parameters_name_], InputKind::Parameter, none);
  add_all(attributes[buffers_name_], InputKind::Buffer, nb::borrow<nb::set>(attributes[passing_name_]));
  for (auto [name, value] : attributes) {
    if (is_tensor(value)) add_state(value, InputKind::Constant, start + std::string(text_of(name)), false);
  }
}

// ---- tensors --------------------------------------------------------------------------------------------------------

bool TraceRecorder::is_tensor(nb::handle object) const {
  return object.type().is(tensor_type_) || object.type().is(parameter_type_) || types_.is_tensor(object);
}

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
    inputs_.push_back({kNoState, program::kNoValue, nb::borrow(leaf)});
    return;
  }
  inputs_.push_back({states_.size(), add_value(leaf, true), {}});
  bind(leaf, inputs_.back().value);
  states_.push_back({nb::borrow(leaf), InputKind::UserInput, std::move(name), true});
}

void TraceRecorder::add_state(nb::handle tensor, InputKind kind, std::string name, bool persistent) {
  // Of the names of a tied tensor, the first counts.
  const bool is_new = state_of_.try_emplace(tensor.ptr(), states_.size()).second;
  if (is_new) states_.push_back({nb::borrow(tensor), kind, std::move(name), persistent});
}

void TraceRecorder::add_constant(nb::handle tensor) {
  if (binding_of(tensor) == nullptr) {
    add_state(tensor, InputKind::Constant, fmt::format("lifted_tensor_{}", constants_++), false);
  }
}

ValueId TraceRecorder::add_state_input(std::size_t state) {
  const ValueId value = add_value(states_[state].tensor, false);
  bind(states_[state].tensor, value);
  inputs_.push_back({state, value, {}});
  return value;
}

bool TraceRecorder::depends(nb::handle tensor) const {
  if (all_depend_) return true;
  if (const Binding* bound = binding_of(tensor)) return depends_[bound->value];
  return !state_of_.contains(tensor.ptr());
}

ValueId TraceRecorder::tensor_argument(nb::handle tensor) {
  ValueId value = 0;
  if (const Binding* bound = binding_of(tensor)) {
    value = bound->value;
  } else if (const auto state = state_of_.find(tensor.ptr()); state != state_of_.end()) {
    value = add_state_input(state->second);
  } else {
    value = unknown_tensor(tensor);
  }
  args_depend_ = args_depend_ || all_depend_ || depends_[value];
  return value;
}

ValueId TraceRecorder::unknown_tensor(nb::handle tensor) {
  const nb::handle type = tensor.type();
  if (!type.is(tensor_type_) && !type.is(parameter_type_) && !PyObject_IsInstance(tensor.ptr(), buffer_type_.ptr())) {
    hooks_.stop(fmt::format("a {} is no plain tensor", text_of(str_of(type.attr("__name__")))));
  }
  if (!(lifting && lifts_) && !nb::cast<bool>(hooks_.is_constant(tensor, lifts_))) {
    hooks_.stop(fmt::format("a tensor of shape {} comes from outside the recorded calls",
                            text_of(str_of(nb::list(tensor.attr("shape"))))));
  }
  add_constant(tensor);
  return add_state_input(state_of_.at(tensor.ptr()));
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void TraceRecorder::add_argument(nb::handle object) {
  if (is_tensor(object)) {
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
    if (!is_tensor(index) || !depends(index)) continue;
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
        for (nb::handle tensor : item) save_sharing(tensor);
      } else if (types_.is_tensor(item)) {
        save_sharing(item);
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
    save_sharing(item);
    depends_[binding_of(item)->value] = true;
  });
}

void TraceRecorder::save_sharing(nb::handle tensor) {
  for (; stored_ < states_.size(); ++stored_) {
    storages_.emplace(nb::cast<uint64_t>(hooks_.storage(states_[stored_].tensor)), stored_);
  }
  const auto [first, last] = storages_.equal_range(nb::cast<uint64_t>(hooks_.storage(tensor)));
  for (auto entry = first; entry != last; ++entry) {
    State& state = states_[entry->second];
    if (std::exchange(state.is_saved, true)) continue;
    saved_.emplace_back(state.tensor, state.tensor.attr("detach")().attr("clone")());
  }
}

nb::list TraceRecorder::saved() const {
  nb::list pairs;
  for (const auto& [tensor, copy] : saved_) pairs.append(nb::make_tuple(tensor, copy));
  return pairs;
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
    if (note.state == kNoState) {
      input.constant = types_.constant(note.constant);
    } else {
      const State& state = states_[note.state];
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
    input.weight = types_.weight(states_[inputs_[i].state].tensor, input.target);
  }
  return std::move(program_);
}

}  // namespace modelexport::python
