#include "python/fx_reader.h"

#include <fmt/format.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "python/stopwatch.h"
#include "support/error.h"

namespace modelexport::python {

namespace {

using program::Argument;
using program::Arguments;
using program::GraphRef;
using program::InputKind;
using program::Kind;
using program::NamedArgument;
using program::OutputKind;
using program::ProgramBuilder;
using program::Value;
using program::ValueId;
using program::ValueRef;

// How a call_function's target is named and, for an operator that the table lacks, its schema.
struct Target {
  std::string name;
  std::string schema;
};

// Names of what is read of every node, made once.
struct Names {
  nb::str args = interned("args");
  nb::str kwargs = interned("kwargs");
  nb::str meta = interned("meta");
  nb::str name = interned("name");
  nb::str op = interned("op");
  nb::str stack = interned("nn_module_stack");
  nb::str target = interned("target");
  nb::str val = interned("val");
};

// A recorded module stack, owned.
struct Stack {
  struct Entry {
    std::string key, path, qualified_class;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> entries;
  ScopeId scope = kRootScope;
  bool is_record = false;
};

InputKind input_kind(std::string_view name) {
  if (name == "USER_INPUT") return InputKind::UserInput;
  if (name == "PARAMETER") return InputKind::Parameter;
  if (name == "BUFFER") return InputKind::Buffer;
  if (name == "CONSTANT_TENSOR") return InputKind::Constant;
  if (name == "TOKEN") return InputKind::Token;
  fail(fmt::format("an input of kind {} cannot be exported", name));
}

OutputKind output_kind(std::string_view name) {
  if (name == "USER_OUTPUT" || name == "LOSS_OUTPUT") return OutputKind::UserOutput;
  if (name == "BUFFER_MUTATION") return OutputKind::BufferMutation;
  if (name == "PARAMETER_MUTATION") return OutputKind::ParameterMutation;
  if (name == "USER_INPUT_MUTATION") return OutputKind::UserInputMutation;
  if (name == "TOKEN") return OutputKind::Token;
  fail(fmt::format("an output of kind {} cannot be exported", name));
}

// "module.Class", from the class or from the string that torch leaves in its place.
std::string qualified_name(nb::handle type) {
  if (PyUnicode_Check(type.ptr())) return std::string(text_of(type));
  return fmt::format("{}.{}", text_of(str_of(type.attr("__module__"))), text_of(str_of(type.attr("__qualname__"))));
}

// The item of a dict, null when there is none.
nb::handle item_of(nb::handle dict, nb::handle key) { return PyDict_GetItemWithError(dict.ptr(), key.ptr()); }

std::string text_or_empty(nb::handle object) {
  return object.is_none() ? std::string() : nb::cast<std::string>(object);
}

// What a node stands for is an Argument: a value, a list of them (an operator that returns several), a constant or a
// sub-graph. So getitem and the use as an argument are copies.
class FxReader {
 public:
  FxReader(nb::handle exported, TorchTypes& types, const program::SchemaLookup& lookup, program::Program& program)
      : exported_(exported),
        signature_(exported.attr("graph_signature")),
        types_(types),
        program_(program),
        builder_(program, lookup),
        getitem_(nb::module_::import_("operator").attr("getitem")) {}

  void read();
  [[nodiscard]] double scope_seconds() const { return scope_seconds_; }

 private:
  void read_ranges();
  void read_graph(nb::handle module, bool is_main);
  void read_node(nb::handle module, nb::handle node, bool is_main);
  void read_signature_input(nb::handle node, nb::handle spec);
  void read_outputs(nb::handle node, bool is_main);
  void read_call(nb::handle node);
  void read_attribute(nb::handle module, nb::handle node);
  bool read_getitem(nb::handle node);
  void rename(const Argument& item, const std::string& name);

  TensorView weight(InputKind kind, const std::string& name, bool persistent);
  Argument argument(nb::handle object);
  // Adds a value for what torch recorded of a result; `ids` lists those of a tuple or list flattened.
  Argument add_result(nb::handle recorded, const std::string& name, std::vector<ValueId>& ids);
  Value describe(nb::handle recorded);
  // The scope of a node and whether torch recorded it.
  std::pair<ScopeId, bool> scope_of(nb::handle meta);
  // A key and a path belong to one class, so that is not compared.
  bool is_last_stack(const nb::dict& stack) const;
  const Target& target(nb::handle function);

  nb::handle exported_;
  nb::object signature_;
  TorchTypes& types_;
  program::Program& program_;
  ProgramBuilder builder_;
  nb::object getitem_;
  Names names_;
  std::unordered_map<PyObject*, Argument> bindings_;  // of the graph being read
  std::unordered_map<PyObject*, Target> targets_;
  Stack last_;  // consecutive nodes mostly share their stack
  std::size_t next_signature_input_ = 0;
  double scope_seconds_ = 0;
};

void FxReader::read() {
  read_ranges();
  read_graph(exported_.attr("graph_module"), true);
}

void FxReader::read_ranges() {
  const auto bound = [](nb::handle number, int64_t otherwise) {
    return nb::cast<bool>(number.attr("is_Integer")) ? nb::cast<int64_t>(nb::int_(nb::borrow(number))) : otherwise;
  };
  const nb::dict constraints(exported_.attr("range_constraints"));
  for (auto [symbol, range] : constraints) {
    const program::Range all;
    program_.symbols.set_range(nb::cast<std::string>(str_of(symbol)),
                               {bound(range.attr("lower"), all.min), bound(range.attr("upper"), all.max)});
  }
}

void FxReader::read_graph(nb::handle module, bool is_main) {
  // A list, because torch's own iterator starts anew when it is asked again after its end, and nanobind asks again.
  const nb::object chain = module.attr("graph").attr("nodes");
  const nb::list nodes(chain);
  for (nb::handle node : nodes) {
    try {
      read_node(module, node, is_main);
    } catch (const Error& error) {
      throw error.in(fmt::format("node {}", text_of(node.attr("name"))));
    } catch (const nb::python_error& error) {
      if (!error.matches(PyExc_Exception)) throw;
      fail(fmt::format("node {}: {}", text_of(node.attr("name")), text_of(str_of(error.value()))));
    }
  }
}

void FxReader::read_node(nb::handle module, nb::handle node, bool is_main) {
  const nb::object op = node.attr(names_.op);
  const std::string_view kind = text_of(op);
  if (kind == "call_function") return read_call(node);
  if (kind == "get_attr") return read_attribute(module, node);
  if (kind == "output") return read_outputs(node, is_main);
  if (kind != "placeholder") fail(fmt::format("nodes of kind {} do not occur in exported programs", kind));
  if (is_main) return read_signature_input(node, signature_.attr("input_specs")[next_signature_input_++]);
  Value value = describe(node.attr(names_.meta)[names_.val]);
  value.name = nb::cast<std::string>(node.attr("name"));
  program::Input input;
  input.value = builder_.add_value(std::move(value));
  bindings_[node.ptr()] = {ValueRef{input.value}};
  builder_.add_input(std::move(input));
}

void FxReader::read_signature_input(nb::handle node, nb::handle spec) {
  program::Input input;
  input.kind = input_kind(text_of(spec.attr("kind").attr("name")));
  input.target = text_or_empty(spec.attr("target"));
  const nb::object argument = spec.attr("arg");
  if (input.kind == InputKind::UserInput && nb::hasattr(argument, "value")) {
    input.constant = types_.constant(argument.attr("value"));
    bindings_[node.ptr()] = input.constant;
    return builder_.add_input(std::move(input));
  }
  Value value = describe(node.attr(names_.meta)[names_.val]);
  value.name = nb::cast<std::string>(node.attr("name"));
  if (input.kind != InputKind::UserInput && input.kind != InputKind::Token) {
    input.persistent = !spec.attr("persistent").is(nb::handle(Py_False));
    input.weight = weight(input.kind, input.target, input.persistent);
  }
  input.value = builder_.add_value(std::move(value));
  bindings_[node.ptr()] = {ValueRef{input.value}};
  builder_.add_input(std::move(input));
}

TensorView FxReader::weight(InputKind kind, const std::string& name, bool persistent) {
  const bool in_state = kind == InputKind::Parameter || (kind == InputKind::Buffer && persistent);
  const nb::object tensors = exported_.attr(in_state ? "state_dict" : "constants");
  return types_.weight(tensors[name.c_str()], name);
}

void FxReader::read_attribute(nb::handle module, nb::handle node) {
  const auto name = nb::cast<std::string>(node.attr("target"));
  nb::object attribute = nb::borrow(module);
  for (nb::handle part : nb::str(name.c_str()).attr("split")(".")) attribute = attribute.attr(part);
  if (types_.is_graph_module(attribute)) {
    std::unordered_map<PyObject*, Argument> outer_bindings = std::exchange(bindings_, {});
    const uint32_t index = builder_.begin_graph();
    with_context(name, [&] { read_graph(attribute, false); });
    builder_.end_graph();
    bindings_ = std::move(outer_bindings);
    bindings_[node.ptr()] = {GraphRef{index}};
    return;
  }
  if (!types_.is_tensor(attribute)) {
    bindings_[node.ptr()] = types_.constant(attribute);
    return;
  }
  program::Input input;
  input.kind = InputKind::Constant;
  input.target = name;
  input.weight = types_.weight(attribute, name);
  Value value = types_.tensor_value(attribute);
  value.name = nb::cast<std::string>(node.attr("name"));
  input.value = builder_.add_value(std::move(value));
  bindings_[node.ptr()] = {ValueRef{input.value}};
  builder_.add_input(std::move(input));
}

void FxReader::read_outputs(nb::handle node, bool is_main) {
  const nb::object specs = is_main ? signature_.attr("output_specs") : nb::object();
  nb::object results = node.attr("args")[0];
  if (!PyTuple_Check(results.ptr()) && !PyList_Check(results.ptr())) results = nb::make_tuple(results);
  std::size_t i = 0;
  for (nb::handle result : results) {
    program::Output output;
    output.value = argument(result);
    if (is_main) {
      const nb::object spec = specs[i++];
      output.kind = output_kind(text_of(spec.attr("kind").attr("name")));
      output.target = text_or_empty(spec.attr("target"));
    }
    builder_.add_output(std::move(output));
  }
}

void FxReader::read_call(nb::handle node) {
  if (read_getitem(node)) return;
  const Target& called = target(node.attr(names_.target));
  std::vector<Argument> positional;
  for (nb::handle item : node.attr(names_.args)) positional.push_back(argument(item));
  std::vector<NamedArgument> keyword;
  for (auto [key, item] : nb::cast<nb::dict>(node.attr(names_.kwargs))) {
    keyword.push_back({std::string(text_of(key)), argument(item)});
  }
  const nb::object meta = node.attr(names_.meta);
  std::vector<ValueId> outputs;
  const nb::handle recorded = item_of(meta, names_.val);
  if (recorded.is_valid() && !recorded.is_none()) {
    bindings_[node.ptr()] = add_result(recorded, nb::cast<std::string>(node.attr(names_.name)), outputs);
  }
  const auto [scope, is_recorded] = scope_of(meta);
  builder_.call(called.name, called.schema, std::move(positional), std::move(keyword), std::move(outputs), scope,
                is_recorded);
}

// getitem on a tuple or list of results names one of them and computes nothing.
bool FxReader::read_getitem(nb::handle node) {
  if (!node.attr(names_.target).is(getitem_)) return false;
  const nb::object args = node.attr("args");
  const auto producer = bindings_.find(nb::object(args[0]).ptr());
  if (producer == bindings_.end()) return false;
  const Arguments* items = producer->second.as<Arguments>();
  const nb::object index = args[1];
  if (items == nullptr || !PyLong_Check(index.ptr())) return false;
  auto i = nb::cast<int64_t>(index);
  if (i < 0) i += static_cast<int64_t>(items->size());
  if (i < 0 || i >= static_cast<int64_t>(items->size())) fail(fmt::format("item {} of {}", i, items->size()));
  Argument item = (*items)[static_cast<std::size_t>(i)];
  rename(item, nb::cast<std::string>(node.attr("name")));
  bindings_[node.ptr()] = std::move(item);
  return true;
}

void FxReader::rename(const Argument& item, const std::string& name) {
  if (const auto* value = item.as<ValueRef>()) builder_.graph().values[value->id].name = name;
}

Argument FxReader::argument(nb::handle object) {
  if (types_.is_node(object)) {
    const auto found = bindings_.find(object.ptr());
    if (found == bindings_.end()) fail(fmt::format("{} gives no value", text_of(object.attr("name"))));
    return found->second;
  }
  if (PyTuple_Check(object.ptr()) || PyList_Check(object.ptr())) {
    Arguments items;
    for (nb::handle item : object) items.push_back(argument(item));
    return {std::move(items)};
  }
  return types_.constant(object);
}

Argument FxReader::add_result(nb::handle recorded, const std::string& name, std::vector<ValueId>& ids) {
  if (PyTuple_Check(recorded.ptr()) || PyList_Check(recorded.ptr())) {
    Arguments items;
    for (nb::handle item : recorded) {
      items.push_back(add_result(item, fmt::format("{}_unused_{}", name, items.size()), ids));
    }
    return {std::move(items)};
  }
  Value value = describe(recorded);
  value.name = name;
  ids.push_back(builder_.add_value(std::move(value)));
  return {ValueRef{ids.back()}};
}

Value FxReader::describe(nb::handle recorded) {
  Value value;
  if (types_.is_tensor(recorded)) return types_.tensor_value(recorded);
  if (recorded.is_none()) {
    value.kind = Kind::None;
  } else if (PyBool_Check(recorded.ptr()) || types_.is_sym_bool(recorded)) {
    value.kind = Kind::SymBool;
  } else if (PyLong_Check(recorded.ptr()) || types_.is_sym_int(recorded)) {
    value.kind = Kind::SymInt;
    value.scalar = types_.dim(recorded);
  } else if (PyFloat_Check(recorded.ptr()) || types_.is_sym_float(recorded)) {
    value.kind = Kind::SymFloat;
  } else {
    fail(fmt::format("a value of type {} cannot be exported", text_of(str_of(recorded.type().attr("__name__")))));
  }
  return value;
}

std::pair<ScopeId, bool> FxReader::scope_of(nb::handle meta) {
  const Stopwatch watch(scope_seconds_);
  const nb::handle recorded = item_of(meta, names_.stack);
  if (!recorded.is_valid() || recorded.is_none() || nb::len(recorded) == 0) return {kRootScope, false};
  const auto stack = nb::cast<nb::dict>(recorded);
  if (!is_last_stack(stack)) {
    last_.entries.clear();
    for (auto [key, called] : stack) {
      last_.entries.push_back({std::string(text_of(key)), nb::cast<std::string>(called[0]), qualified_name(called[1])});
    }
    std::vector<program::StackEntry> views;
    for (const Stack::Entry& entry : last_.entries) views.push_back({entry.key, entry.path, entry.qualified_class});
    last_.scope = builder_.scope(views);
    last_.is_record = ProgramBuilder::is_record(views);
  }
  return last_.is_record ? std::pair(last_.scope, true) : std::pair(kRootScope, false);
}

bool FxReader::is_last_stack(const nb::dict& stack) const {
  if (stack.size() != last_.entries.size()) return false;
  std::size_t i = 0;
  for (auto [key, called] : stack) {
    const Stack::Entry& entry = last_.entries[i++];
    if (text_of(key) != entry.key || text_of(nb::object(called[0])) != entry.path) return false;
  }
  return true;
}

const Target& FxReader::target(nb::handle function) {
  const auto [found, is_new] = targets_.try_emplace(function.ptr());
  if (!is_new) return found->second;
  Target& result = found->second;
  if (types_.is_operator(function)) {
    result.name = nb::cast<std::string>(function.attr("name")());
    if (!builder_.knows(result.name)) result.schema = text_of(str_of(function.attr("_schema")));
  } else if (types_.is_higher_order(function)) {
    result.name = "higher_order::" + nb::cast<std::string>(function.attr("name")());
  } else {
    result.name = program::canonical_target(
        fmt::format("{}.{}", text_of(str_of(function.attr("__module__"))), text_of(str_of(function.attr("__name__")))));
  }
  return result;
}

}  // namespace

double read_exported_program(nb::handle exported, TorchTypes& types, const program::SchemaLookup& lookup,
                             program::Program& program) {
  FxReader reader(exported, types, lookup, program);
  reader.read();
  return reader.scope_seconds();
}

}  // namespace modelexport::python
