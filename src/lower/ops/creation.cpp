// Tensors made from sizes and numbers.
#include "lower/ops/creation.h"

#include <cmath>

#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"
#include "support/convert.h"
#include "support/error.h"

namespace modelexport::lower {

V constant_of(Builder& b, const std::vector<double>& values, DType dtype, const std::vector<int64_t>& sizes) {
  std::vector<std::byte> bytes(values.size() * size_of(dtype));
  const auto* in = reinterpret_cast<const std::byte*>(values.data());
  if (!convert_elements(DType::Float64, in, dtype, bytes.data(), values.size())) {
    fail(ErrorKind::Internal, "no constant of type " + std::string(name_of(dtype)));
  }
  return b.constant(make_tensor(dtype, sizes, std::move(bytes)));
}

namespace {

template <int Number>
Values filled(Context& c) {
  return {c.b.expand(c.b.scalar(Number, c.out_dtype()), c.out_sizes())};
}

Values full(Context& c) { return {c.b.expand(c.scalar("fill_value", c.out_dtype()), c.out_sizes())}; }
Values scalar_tensor(Context& c) { return {c.scalar("s", c.out_dtype())}; }

bool is_integer(const Context& c, std::string_view name) {
  const program::Argument& argument = *c.node.find(name);
  if (argument.as<program::ValueRef>() != nullptr) return c.recorded(argument).kind != program::Kind::SymFloat;
  return argument.as<double>() == nullptr;
}

// 0, 1, ..., n - 1
V count(Builder& b, const Size& n) { return b.op("Range", {b.scalar_int(0), b.as_scalar(n), b.scalar_int(1)}); }

struct Span {
  bool has_start;
  bool has_step;
};

// Steps of a real size: start + i * step, as many as torch counted.
V real_steps(Context& c, Span span) {
  const DType dtype = is_integral(c.out_dtype()) ? DType::Int64 : DType::Float64;
  V steps = c.b.cast(count(c.b, c.out_sizes().front()), dtype);
  if (span.has_step) steps = c.b.mul(steps, c.scalar("step", dtype));
  return span.has_start ? c.b.add(steps, c.scalar("start", dtype)) : steps;
}

Values arange(Context& c) {
  const Span span{c.node.find("start") != nullptr, c.node.find("step") != nullptr};
  const bool integers =
      is_integer(c, "end") && (!span.has_start || is_integer(c, "start")) && (!span.has_step || is_integer(c, "step"));
  if (!integers) return {c.b.cast(real_steps(c, span), c.out_dtype())};
  const V start = span.has_start ? c.scalar("start", DType::Int64) : c.b.scalar_int(0);
  const V step = span.has_step ? c.scalar("step", DType::Int64) : c.b.scalar_int(1);
  return {c.b.cast(c.b.op("Range", {start, c.scalar("end", DType::Int64), step}), c.out_dtype())};
}

// aten::range, which includes its end.
Values range(Context& c) { return {c.b.cast(real_steps(c, {true, c.node.find("step") != nullptr}), c.out_dtype())}; }

// An end of a range; torch drops the fraction first where the result is integral.
V range_end(Context& c, std::string_view name) {
  const V end = c.operand(name, DType::Float64);
  return is_integral(c.out_dtype()) ? trunc(c.b, end) : end;
}

// From both ends towards the middle, so that the last element is `end`.
V even_steps(Context& c) {
  Builder& b = c.b;
  const int64_t n = c.integer("steps");
  const V start = range_end(c, "start");
  const V end = range_end(c, "end");
  if (n < 2) return b.reshape(start, {Size(n)});
  const V step = b.div(b.sub(end, start), b.scalar(static_cast<double>(n - 1), DType::Float64));
  const V i = b.cast(count(b, n), DType::Float64);
  const V left = b.sub(b.scalar(static_cast<double>(n - 1), DType::Float64), i);
  const V first_half = b.op("Less", {i, b.scalar(static_cast<double>(n / 2), DType::Float64)});
  return b.where(first_half, b.add(start, b.mul(step, i)), b.sub(end, b.mul(step, left)));
}

Values linspace(Context& c) {
  if (c.integer("steps") == 0) return {constant_of(c.b, {}, c.out_dtype(), {0})};
  return {c.b.cast(even_steps(c), c.out_dtype())};
}

Values logspace(Context& c) {
  if (c.integer("steps") == 0) return {constant_of(c.b, {}, c.out_dtype(), {0})};
  const V powers = c.b.op("Pow", {c.b.scalar(c.number("base"), DType::Float64), even_steps(c)});
  return {c.b.cast(powers, c.out_dtype())};
}

constexpr int64_t kSmall = 4096;  // elements up to which a constant is shorter than the nodes that make it

Values eye(Context& c) {
  const Sizes sizes = c.out_sizes();
  const auto known = static_sizes(sizes);
  const DType dtype = c.out_dtype();
  if (known && (*known)[0] * (*known)[1] <= kSmall) {
    std::vector<double> ones(static_cast<std::size_t>((*known)[0] * (*known)[1]));
    for (int64_t i = 0; i < std::min((*known)[0], (*known)[1]); ++i) {
      ones[static_cast<std::size_t>(i * (*known)[1] + i)] = 1;
    }
    return {constant_of(c.b, ones, dtype, *known)};
  }
  const V shape = c.b.shape_tensor(sizes);
  return {c.b.cast(c.b.op("EyeLike", {c.b.op("ConstantOfShape", {shape})}), dtype)};
}

template <bool Upper>
Values triangle(Context& c) {
  const V diagonal = c.b.as_scalar(c.size("diagonal"));
  return {c.b.op("Trilu", {c.tensor("self"), diagonal}, {{"upper", Upper ? 1 : 0}})};
}

// Rows, then columns, of the elements of a matrix on one side of a diagonal.
template <bool Upper>
Values triangle_indices(Context& c) {
  const int64_t offset = c.integer("offset");
  std::vector<double> rows;
  std::vector<double> columns;
  for (int64_t row = 0; row < c.integer("row"); ++row) {
    for (int64_t column = 0; column < c.integer("col"); ++column) {
      if (Upper ? column - row < offset : column - row > offset) continue;
      rows.push_back(static_cast<double>(row));
      columns.push_back(static_cast<double>(column));
    }
  }
  const auto n = static_cast<int64_t>(rows.size());
  rows.insert(rows.end(), columns.begin(), columns.end());
  return {constant_of(c.b, rows, c.out_dtype(), {2, n})};
}

const Row kRows[] = {
    {"aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     full},
    {"aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     full},
    {"aten::new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     full},
    {"aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     filled<0>},
    {"aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     filled<0>},
    {"aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     filled<0>},
    {"aten::empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::_efficientzerotensor(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     filled<0>},
    {"aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     filled<1>},
    {"aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     filled<1>},
    {"aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     filled<1>},
    {"aten::zero(Tensor self) -> Tensor", filled<0>},
    {"aten::zero_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     scalar_tensor},
    {"aten::arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     arange},
    {"aten::arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     arange},
    {"aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     arange},
    {"aten::range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     range},
    {"aten::range(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     range},
    {"aten::linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     linspace},
    {"aten::linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     linspace},
    {"aten::linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     linspace},
    {"aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     linspace},
    {"aten::logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, "
     "Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     logspace},
    {"aten::logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, "
     "Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     logspace},
    {"aten::logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, "
     "Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     logspace},
    {"aten::logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     logspace},
    {"aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) "
     "-> Tensor",
     eye},
    {"aten::eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     eye},
    {"aten::tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     triangle_indices<false>},
    {"aten::triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     triangle_indices<true>},
    {"aten::tril(Tensor self, SymInt diagonal=0) -> Tensor", triangle<false>},
    {"aten::tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)", kViaFunctional},
    {"aten::triu(Tensor self, SymInt diagonal=0) -> Tensor", triangle<true>},
    {"aten::triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family creation_rows() { return kRows; }

Family creation_ops() {
  static const std::vector<Row> rows = joined({creation_rows(), window_rows(), random_rows()});
  return rows;
}

}  // namespace modelexport::lower
