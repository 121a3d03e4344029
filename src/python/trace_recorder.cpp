#include "python/trace_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "program/arguments.h"
#include "python/stopwatch.h"
#include "support/error.h"

namespace modelexport::python {

using program::Argument;
using program::Arguments;
using program::InputKind;
using program::NamedArgument;
using program::ValueId;
using program::ValueRef;

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

// Statistics that a normalisation writes when it trains, though its schema does not say so.
bool is_statistic(const std::string& name) { return name == "running_mean" || name == "running_var"; }
bool is_training_flag(const std::string& name) { return name == "training" || name == "use_input_stats"; }

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

TraceRecorder::TraceRecorder(TraceHooks hooks, program::SchemaLookup lookup, std::unordered_set<std::string> unwatched)
    : hooks_(std::move(hooks)),
      unwatched_(std::move(unwatched)),
      types_(program_.symbols),
      builder_(program_, std::move(lookup)) {
  const nb::module_ torch = nb::module_::import_("torch");
  tensor_type_ = torch.attr("Tensor");
  parameter_type_ = torch.attr("nn").attr("Parameter");
  buffer_type_ = torch.attr("nn").attr("Buffer");
  sizes_tag_ = torch.attr("Tag").attr("dynamic_output_shape");
  random_tag_ = torch.attr("Tag").attr("nondeterministic_seeded");
}

// ---- modules --------------------------------------------------------------------------------------------------------

void TraceRecorder::add_module(nb::handle module, std::string path, std::string qualified_class) {
  add_tensors(module, path.empty() ? "" : path + ".");
  Module& known = modules_[module.ptr()];
  known.names.push_back({std::move(path)});
  known.qualified_class = std::move(qualified_class);
}

void TraceRecorder::add_tensors(nb::handle module, const std::string& start) {
  const auto attributes = nb::borrow<nb::dict>(module.attr("__dict__"));
  const auto add_all = [&](nb::handle tensors, InputKind kind, const nb::set& passing) {
    for (auto [name, tensor] : nb::borrow<nb::dict>(tensors)) {
      if (types_.is_tensor(tensor))
        add_state(tensor, kind, start + std::string(text_of(name)), !passing.contains(name));
    }
  };
  const nb::set none;
  add_all(attributes["_parameters"], InputKind::Parameter, none);
  add_all(attributes["_buffers"], InputKind::Buffer, nb::borrow<nb::set>(attributes["_non_persistent_buffers_set"]));
  for (auto [name, value] : attributes) {
    if (is_tensor(value)) add_state(value, InputKind::Constant, start + std::string(text_of(name)), false);
  }
}

TraceRecorder::ModuleName& TraceRecorder::called_name(Module& called) {
  if (called.names.size() == 1) return called.names.front();
  const std::string below = module_path().empty() ? "" : module_path() + ".";
  const auto is_below = [&](const ModuleName& name) { return name.path.starts_with(below); };
  if (std::ranges::count_if(called.names, is_below) != 1) {
    hooks_.stop(fmt::format("{} is also known as {}, and only torch.export tells them apart", called.names[0].path,
                            called.names[1].path));
  }
  return *std::ranges::find_if(called.names, is_below);
}

void TraceRecorder::enter(nb::handle module) {
  const Stopwatch watch(scope_seconds_);
  const auto found = modules_.find(module.ptr());
  ScopeId scope = scope_;
  if (found != modules_.end()) {
    ModuleName& name = called_name(found->second);
    const uint32_t call = name.calls++;
    scope =
        name.path.empty() ? kRootScope : program_.modules.enter(scope_, name.path, found->second.qualified_class, call);
  }
  outer_scopes_.push_back(std::exchange(scope_, scope));
}

void TraceRecorder::leave() {
  scope_ = outer_scopes_.back();
  outer_scopes_.pop_back();
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
  const ValueId id = builder_.add_value(types_.tensor_value(tensor));
  depends_.resize(id + 1);
  depends_[id] = depends;
  return id;
}

void TraceRecorder::add_input(nb::handle leaf, std::string name) {
  program::Input input;
  if (!types_.is_tensor(leaf)) {
    input.constant = types_.constant(leaf);
    return builder_.add_input(std::move(input));
  }
  input.value = add_value(leaf, true);
  builder_.graph().values[input.value].name = name;
  bind(leaf, input.value);
  builder_.add_input(std::move(input));
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

ValueId TraceRecorder::add_state_input(State& state) {
  program::Input input;
  input.kind = state.kind;
  input.target = state.name;
  input.persistent = state.persistent;
  input.value = add_value(state.tensor, false);
  builder_.graph().values[input.value].name = state.name;
  bind(state.tensor, input.value);
  weights_.emplace_back(builder_.graph().inputs.size(), static_cast<std::size_t>(&state - states_.data()));
  const ValueId value = input.value;
  builder_.add_input(std::move(input));
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
    value = add_state_input(states_[state->second]);
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
  return add_state_input(states_[state_of_.at(tensor.ptr())]);
}

// ---- calls ----------------------------------------------------------------------------------------------------------

const TraceRecorder::Operator& TraceRecorder::operator_of(nb::handle function) {
  // Operators are torch's for good, so what is known of them serves later traces too. Never freed: when the process
  // ends, the interpreter goes before this would.
  static auto& operators = *new std::unordered_map<PyObject*, Operator>;
  if (const auto found = operators.find(function.ptr()); found != operators.end()) return found->second;
  Operator op;
  op.overload = nb::borrow(function);
  op.run = function.attr("_op");
  op.name = nb::cast<std::string>(function.attr("name")());
  const nb::object schema = function.attr("_schema");
  op.schema_text = text_of(str_of(schema));
  for (nb::handle argument : schema.attr("arguments")) {
    const nb::object alias = argument.attr("alias_info");
    op.argument_names.emplace_back(text_of(argument.attr("name")));
    op.is_written.push_back(!alias.is_none() && nb::cast<bool>(alias.attr("is_write")));
  }
  op.mutates = std::ranges::find(op.is_written, true) != op.is_written.end();
  op.lifts = op.name == "aten::lift_fresh";
  op.keeps_statistics = std::ranges::any_of(op.argument_names, is_statistic);
  op.is_random = PySequence_Contains(function.attr("tags").ptr(), random_tag_.ptr()) == 1;
  op.sizes_from_data = PySequence_Contains(function.attr("tags").ptr(), sizes_tag_.ptr()) == 1;
  op.is_composite = nb::cast<bool>(function.attr("_can_decompose")());
  // Whether the sizes of its results follow from data, only its author knows, or the op table.
  if (!op.name.starts_with("aten::") && !builder_.knows(op.name)) {
    op.refusal = fmt::format("{} is an operator of another library", op.name);
  }
  return operators.emplace(function.ptr(), std::move(op)).first->second;
}

Argument TraceRecorder::argument(nb::handle object) {
  if (is_tensor(object)) return {ValueRef{tensor_argument(object)}};
  if (!is_sequence(object)) return types_.constant(object);
  Arguments items;
  for (nb::handle item : object) items.push_back(argument(item));
  return {std::move(items)};
}

nb::object TraceRecorder::call(nb::handle function, nb::tuple args, nb::dict kwargs) {
  try {
    const Operator& op = operator_of(function);
    if (!op.refusal.empty()) hooks_.stop(op.refusal);
    if (const nb::object why = hooks_.surroundings(); !why.is_none()) hooks_.stop(why);
    args_depend_ = false;
    lifts_ = op.lifts;
    std::vector<Argument> positional;
    positional.reserve(args.size());
    for (nb::handle item : args) positional.push_back(argument(item));
    std::vector<NamedArgument> keyword;
    for (auto [key, item] : kwargs) keyword.push_back({std::string(text_of(key)), argument(item)});
    const bool depends = args_depend_ || op.is_random;
    if (sizes_depend(op, positional)) hooks_.read(fmt::format("{} has as many results as the data says", op.name));
    save_written(op, args, kwargs);

    nb::object result = run(op, args, kwargs);
    std::vector<ValueId> outputs;
    if (!add_results(op, result, depends, outputs)) return result;
    const std::string_view schema = builder_.knows(op.name) ? std::string_view() : op.schema_text;
    builder_.call(op.name, schema, std::move(positional), std::move(keyword), std::move(outputs), scope_, true);
    return result;
  } catch (const Error& error) {
    hooks_.stop(error.what());
    throw;
  }
}

bool TraceRecorder::sizes_depend(const Operator& op, const std::vector<Argument>& positional) const {
  if (!op.sizes_from_data || !args_depend_) return false;
  if (op.name != "aten::index.Tensor") return true;
  // Only masks say how many elements there are.
  bool is_mask = false;
  program::for_each<ValueRef>(positional.at(1), [&](ValueRef index) {
    const DType dtype = program_.main().values[index.id].dtype;
    is_mask = is_mask || ((dtype == DType::Bool || dtype == DType::UInt8) && (all_depend_ || depends_[index.id]));
  });
  return is_mask;
}

nb::object TraceRecorder::run(const Operator& op, nb::handle args, nb::handle kwargs) {
  nb::object result;
  bool reads = false;
  {
    const Raised running_now(running);
    if (!op.is_composite || unwatched_.contains(op.name)) return apply(op.run, args, kwargs);
    const nb::tuple watched(hooks_.watch(op.overload, args, kwargs));
    result = watched[0];
    reads = nb::cast<bool>(watched[1]);
  }
  if (args_depend_ && reads && !is_number(result)) hooks_.read(fmt::format("{} reads its arguments' data", op.name));
  return result;
}

bool TraceRecorder::add_results(const Operator& op, nb::handle result, bool depends, std::vector<ValueId>& ids) {
  if (is_number(result)) {
    if (depends) hooks_.read(fmt::format("{} gives Python a number", op.name));
    return false;
  }
  if (result.is_none()) {
    all_depend_ = all_depend_ || (op.mutates && depends);
    return true;
  }
  if (!is_sequence(result)) {
    ids.push_back(add_result(op, result, depends));
    return true;
  }
  for (nb::handle item : result) {
    if (!add_results(op, item, depends, ids)) fail(fmt::format("{} returns tensors and numbers", op.name));
  }
  return true;
}

ValueId TraceRecorder::add_result(const Operator& op, nb::handle result, bool depends) {
  const Binding* known = binding_of(result);
  if (known != nullptr && op.mutates && depends && !depends_[known->value]) all_depend_ = true;
  const ValueId value = add_value(result, depends || (known != nullptr && depends_[known->value]));
  // A call that returns its argument as it is makes no other tensor: whoever has it sees later writes to both.
  if (known == nullptr || op.mutates) bind(result, value);
  return value;
}

// ---- state that is written ------------------------------------------------------------------------------------------

void TraceRecorder::save_written(const Operator& op, nb::handle args, nb::handle kwargs) {
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
  program::Output output;
  output.value = argument(leaf);
  builder_.add_output(std::move(output));
}

program::Program TraceRecorder::take_program() {
  for (const auto& [input, state] : weights_) {
    program_.main().inputs[input].weight = types_.weight(states_[state].tensor, states_[state].name);
  }
  weights_.clear();
  return std::move(program_);
}

}  // namespace modelexport::python
