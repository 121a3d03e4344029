#include "lower/context.h"

#include <algorithm>
#include <array>
#include <complex>

#include "lower/lower.h"
#include "support/error.h"

namespace modelexport::lower {

using program::Argument;
using program::Arguments;
using program::Kind;
using program::ValueRef;

namespace {

[[noreturn]] void wrong_type(std::string_view name, const char* wanted) {
  fail(ErrorKind::Internal, "argument '" + std::string(name) + "' is not " + wanted);
}

DType dtype_of_number(const Argument& argument) {
  if (argument.as<double>() != nullptr || argument.as<std::complex<double>>() != nullptr) return DType::Float32;
  if (argument.as<bool>() != nullptr) return DType::Bool;
  return DType::Int64;
}

}  // namespace

const Argument& Context::arg(std::string_view name) const {
  const Argument* argument = node.find(name);
  if (argument == nullptr) {
    fail(ErrorKind::Internal, "the call has no argument '" + std::string(name) + "'");
  }
  return *argument;
}

bool Context::has(std::string_view name) const {
  const Argument* argument = node.find(name);
  return argument != nullptr && !argument->is_none();
}

// ---- tensors ----

V Context::value_of(const Argument& argument) {
  if (const auto* reference = argument.as<ValueRef>()) {
    const V v = lowerer_.value(reference->id);
    if (!v) fail(ErrorKind::Internal, "value '" + graph_.values[reference->id].name + "' is used before it is made");
    // Symbolic numbers have shape [1] inside; as a tensor they are scalars.
    return graph_.values[reference->id].kind == Kind::Tensor ? v : b.squeeze(v, {0});
  }
  if (const auto* integer = argument.as<int64_t>()) return b.scalar_int(*integer);
  if (const auto* real = argument.as<double>()) return b.scalar(*real, DType::Float32);
  if (const auto* truth = argument.as<bool>()) return b.scalar_int(*truth ? 1 : 0, DType::Bool);
  fail(ErrorKind::Internal, "an argument is neither a tensor nor a number");
}

V Context::tensor(std::string_view name) {
  const Argument& argument = arg(name);
  if (argument.is_none()) wrong_type(name, "given");
  const auto part = part_of(name);
  return part ? part_of_value(argument, *part) : value_of(argument);
}

V Context::optional_tensor(std::string_view name) { return has(name) ? tensor(name) : V{}; }

Values Context::tensors(std::string_view name) {
  const auto* list = arg(name).as<Arguments>();
  if (list == nullptr) wrong_type(name, "a list of tensors");
  Values values;
  for (const Argument& item : *list) {
    const auto part = part_of(name, static_cast<int64_t>(values.size()));
    values.push_back(item.is_none() ? V{} : part ? part_of_value(item, *part) : value_of(item));
  }
  return values;
}

V Context::operand(std::string_view name, DType dtype) {
  const Argument& argument = arg(name);
  const auto part = part_of(name);
  return part ? part_as(argument, *part, dtype) : as_type(argument, dtype);
}

// A number is made in the wanted type at once: no rounding on the way, no Cast.
V Context::as_type(const Argument& argument, DType dtype) {
  if (const auto* integer = argument.as<int64_t>()) return b.scalar_int(*integer, dtype);
  if (const auto* real = argument.as<double>()) return b.scalar(*real, dtype);
  return b.cast(value_of(argument), dtype);
}

V Context::scalar(std::string_view name, DType dtype) { return operand(name, dtype); }

bool Context::is_number(std::string_view name) const {
  const Argument& argument = arg(name);
  if (const auto* reference = argument.as<ValueRef>()) return graph_.values[reference->id].kind != Kind::Tensor;
  return argument.as<int64_t>() != nullptr || argument.as<double>() != nullptr || argument.as<bool>() != nullptr ||
         argument.as<std::complex<double>>() != nullptr;
}

// ---- complex numbers

namespace {

// Arguments that say which elements, or how much of them.
bool selects(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames = {"index",   "indices", "mask", "condition",
                                                      "repeats", "alpha",   "beta"};
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace

Context Context::seeing(Part part, std::vector<SeenArgument> exceptions) const {
  Context seen = *this;
  seen.part_ = part;
  seen.exceptions_ = std::move(exceptions);
  return seen;
}

std::optional<Part> Context::part_of(std::string_view name, int64_t item) const {
  if (!part_ || selects(name)) return std::nullopt;
  const auto found = std::ranges::find_if(exceptions_, [&](const SeenArgument& argument) {
    return argument.name == name && (argument.item < 0 || argument.item == item);
  });
  return found == exceptions_.end() ? *part_ : found->part;
}

V Context::part_of_value(const Argument& argument, Part part) {
  if (const auto* number = argument.as<std::complex<double>>()) {
    const double seen = part == Part::Real        ? number->real()
                        : part == Part::Imaginary ? number->imag()
                        : part == Part::Zero      ? 0.0
                                                  : std::abs(*number);
    return b.scalar(seen, DType::Float64);
  }
  const auto* reference = argument.as<ValueRef>();
  const bool is_tensor = reference != nullptr && graph_.values[reference->id].kind == Kind::Tensor;
  const bool has_imaginary = is_tensor && is_complex(graph_.values[reference->id].dtype);
  if (part == Part::Real || (part == Part::Magnitude && !has_imaginary)) return value_of(argument);
  if (part == Part::Imaginary && has_imaginary) return lowerer_.imaginary(reference->id);
  if (part == Part::Magnitude) {
    const V re = lowerer_.value(reference->id);
    const V im = lowerer_.imaginary(reference->id);
    return b.op("Sqrt", {b.add(b.mul(re, re), b.mul(im, im))});
  }
  if (!is_tensor) return b.scalar(0, DType::Float32);
  const program::Value& recorded = graph_.values[reference->id];
  return b.expand(b.scalar(0, part_type(recorded.dtype)), sizes_of(recorded.sizes));
}

V Context::imaginary_of(const Argument& argument) { return lowerer_.imaginary(argument.as<ValueRef>()->id); }

V Context::part_as(const Argument& argument, Part part, DType dtype) {
  const bool is_real_number = argument.as<int64_t>() != nullptr || argument.as<double>() != nullptr;
  if (is_real_number && part == Part::Real) return as_type(argument, dtype);
  return b.cast(part_of_value(argument, part), dtype);
}

Complex Context::complex(std::string_view name, DType dtype) {
  Complex z{part_as(arg(name), Part::Real, dtype), {}};
  if (has_complex(name)) z.im = part_as(arg(name), Part::Imaginary, dtype);
  return z;
}

bool Context::has_complex(std::string_view name) const {
  const auto is_complex_number = [&](const Argument& argument) {
    const auto* reference = argument.as<ValueRef>();
    return argument.as<std::complex<double>>() != nullptr ||
           (reference != nullptr && is_complex(graph_.values[reference->id].dtype));
  };
  const Argument* argument = node.find(name);
  if (argument == nullptr) return false;
  if (const auto* list = argument->as<Arguments>()) return std::ranges::any_of(*list, is_complex_number);
  return is_complex_number(*argument);
}

// ---- numbers ----

int64_t Context::integer(std::string_view name) {
  const Argument& argument = arg(name);
  if (const auto* truth = argument.as<bool>()) return *truth ? 1 : 0;
  if (const auto* integer = argument.as<int64_t>()) return *integer;
  if (argument.as<ValueRef>() != nullptr) {
    const Size value = size(name);
    if (value.is_static()) return value.value;
    unsupported("argument '" + std::string(name) + "' is known at run time only");
  }
  wrong_type(name, "an integer");
}

int64_t Context::integer_or(std::string_view name, int64_t otherwise) { return has(name) ? integer(name) : otherwise; }

double Context::number(std::string_view name) {
  if (arg(name).as<std::complex<double>>() != nullptr) unsupported("'" + std::string(name) + "' is complex");
  if (const auto* real = arg(name).as<double>()) return *real;
  return static_cast<double>(integer(name));
}

double Context::number_or(std::string_view name, double otherwise) { return has(name) ? number(name) : otherwise; }

bool Context::flag(std::string_view name) { return integer(name) != 0; }

std::string Context::text(std::string_view name) {
  const auto* text = arg(name).as<std::string>();
  if (text == nullptr) wrong_type(name, "a string");
  return *text;
}

std::string Context::text_or(std::string_view name, std::string otherwise) {
  return has(name) ? text(name) : std::move(otherwise);
}

std::vector<int64_t> Context::ints(std::string_view name) {
  std::vector<int64_t> numbers;
  for (const Size& size : sizes(name)) {
    if (!size.is_static()) unsupported("argument '" + std::string(name) + "' is known at run time only");
    numbers.push_back(size.value);
  }
  return numbers;
}

std::vector<int64_t> Context::ints_n(std::string_view name, std::size_t n) {
  std::vector<int64_t> numbers = ints(name);
  if (numbers.size() == 1) numbers.resize(n, numbers.front());
  if (numbers.size() != n) wrong_type(name, "a list of as many integers as there are spatial dimensions");
  return numbers;
}

std::vector<double> Context::numbers(std::string_view name) {
  std::vector<double> result;
  if (!has(name)) return result;
  const auto* list = arg(name).as<Arguments>();
  if (list == nullptr) return {number(name)};
  for (const Argument& item : *list) {
    if (const auto* real = item.as<double>()) {
      result.push_back(*real);
    } else if (const auto* integer = item.as<int64_t>()) {
      result.push_back(static_cast<double>(*integer));
    } else {
      wrong_type(name, "a list of numbers");
    }
  }
  return result;
}

std::optional<DType> Context::dtype_arg(std::string_view name) {
  if (!has(name)) return std::nullopt;
  const auto* dtype = arg(name).as<DType>();
  if (dtype == nullptr) wrong_type(name, "a dtype");
  return *dtype;
}

namespace {

Size size_from(Lowerer& lowerer, Builder& b, const program::Graph& graph, const Argument& argument,
               std::string_view name) {
  if (const auto* integer = argument.as<int64_t>()) return *integer;
  if (const auto* truth = argument.as<bool>()) return *truth ? 1 : 0;
  const auto* reference = argument.as<ValueRef>();
  if (reference == nullptr) wrong_type(name, "an integer");
  const program::Value& recorded = graph.values[reference->id];
  const V v = lowerer.value(reference->id);
  if (!v) fail(ErrorKind::Internal, "value '" + recorded.name + "' is used before it is made");
  if (recorded.kind == Kind::Tensor) return Size(b.reshape(b.cast(v, DType::Int64), {Size(1)}));
  if (const auto known = b.const_ints(v); known && known->size() == 1) return known->front();
  if (recorded.kind == Kind::SymInt && !recorded.scalar.is_static()) {
    return Size(v, lowerer.program().symbols.print(recorded.scalar.expr));
  }
  return Size(b.cast(v, DType::Int64));
}

}  // namespace

Size Context::size(std::string_view name) { return size_from(lowerer_, b, graph_, arg(name), name); }

Sizes Context::sizes(std::string_view name) {
  Sizes sizes;
  if (!has(name)) return sizes;
  const auto* list = arg(name).as<Arguments>();
  if (list == nullptr) return {size(name)};
  for (const Argument& item : *list) sizes.push_back(size_from(lowerer_, b, graph_, item, name));
  return sizes;
}

uint32_t Context::graph_index(std::string_view name) {
  const auto* graph = arg(name).as<program::GraphRef>();
  if (graph == nullptr) wrong_type(name, "a sub-graph");
  return graph->index;
}

// ---- what torch recorded ----

const program::Value& Context::recorded(const Argument& argument) const {
  const auto* reference = argument.as<ValueRef>();
  if (reference == nullptr) fail(ErrorKind::Internal, "an argument is a number where a tensor is needed");
  return graph_.values[reference->id];
}

const program::Value& Context::info(std::string_view name) const { return recorded(arg(name)); }

DType Context::dtype(std::string_view name) const {
  const Argument& argument = arg(name);
  if (argument.as<ValueRef>() == nullptr || recorded(argument).kind != Kind::Tensor) return dtype_of_number(argument);
  return part_type(recorded(argument).dtype);
}

int64_t Context::rank(std::string_view name) const {
  if (is_number(name)) return 0;
  return static_cast<int64_t>(info(name).sizes.size());
}

Sizes Context::shape(std::string_view name) { return is_number(name) ? Sizes{} : sizes_of(info(name).sizes); }

std::optional<std::vector<int64_t>> Context::static_shape(std::string_view name) const {
  std::vector<int64_t> numbers;
  if (is_number(name)) return numbers;
  for (const program::Dim& dim : info(name).sizes) {
    if (!dim.is_static()) return std::nullopt;
    numbers.push_back(dim.value);
  }
  return numbers;
}

int64_t Context::axis(std::string_view name, int64_t rank) {
  const int64_t axis = integer(name);
  const int64_t positive = axis < 0 ? axis + std::max<int64_t>(rank, 1) : axis;
  if (positive < 0 || positive >= std::max<int64_t>(rank, 1)) {
    fail("axis " + std::to_string(axis) + " of '" + std::string(name) + "' is out of range for rank " +
         std::to_string(rank));
  }
  return positive;
}

int64_t Context::axis(std::string_view name, std::string_view of) { return axis(name, rank(of)); }

std::vector<int64_t> Context::axes(std::string_view name, std::string_view of) {
  std::vector<int64_t> result = ints(name);
  const int64_t n = std::max<int64_t>(rank(of), 1);
  for (int64_t& axis : result) axis = axis < 0 ? axis + n : axis;
  return result;
}

const program::Value& Context::out(std::size_t i) const { return graph_.values.at(node.outputs.at(i)); }

Sizes Context::out_sizes(std::size_t i) { return sizes_of(out(i).sizes); }

// c10::result_type: tensors with dimensions decide; then rank-0 tensors, then numbers, each only when it is of a
// higher category (bool < integer < floating < complex) than what decided so far.
DType Context::common_dtype(std::initializer_list<std::string_view> names) const {
  DType dimensioned = DType::Undefined;
  DType zero_dim = DType::Undefined;
  DType number = DType::Undefined;
  const auto join = [](DType a, DType b) { return a == DType::Undefined ? b : promote(a, b); };
  for (std::string_view name : names) {
    if (!has(name)) continue;
    if (is_number(name)) {
      const Argument& argument = arg(name);
      DType dtype = dtype_of_number(argument);
      if (argument.as<ValueRef>() != nullptr) {
        const Kind kind = recorded(argument).kind;
        dtype = kind == Kind::SymFloat ? DType::Float32 : kind == Kind::SymBool ? DType::Bool : DType::Int64;
      }
      number = join(number, dtype);
    } else if (rank(name) == 0) {
      zero_dim = join(zero_dim, dtype(name));
    } else {
      dimensioned = join(dimensioned, dtype(name));
    }
  }
  const auto category = [](DType d) {
    if (d == DType::Undefined) return -1;
    return is_complex(d) ? 3 : is_floating(d) ? 2 : is_integral(d) ? 1 : 0;
  };
  DType result = dimensioned;
  for (DType weaker : {zero_dim, number}) {
    if (category(weaker) > category(result)) result = result == DType::Undefined ? weaker : promote(result, weaker);
  }
  return result;
}

Size Context::size_of(const program::Dim& dim) { return lowerer_.size_of(dim); }

Sizes Context::sizes_of(const std::vector<program::Dim>& dims) {
  Sizes sizes;
  for (const program::Dim& dim : dims) sizes.push_back(size_of(dim));
  return sizes;
}

// ---- sub-graphs and refusals ----

Values Context::lower_body(uint32_t index, const Values& inputs) { return lowerer_.lower_body(index, inputs); }

const program::Graph& Context::subgraph(uint32_t index) const { return *lowerer_.program().graphs.at(index); }

void Context::unsupported(const std::string& why) const {
  throw UnsupportedOperators({{node.target, why, lowerer_.program().modules[node.scope].path, 1}});
}

}  // namespace modelexport::lower
