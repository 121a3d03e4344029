// Symbolic numbers: sizes of tensors, Python arithmetic on them, and numbers taken out of tensors.
//
// As results they are tensors of shape [1]: int64, float64 or bool.
#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

using program::Kind;

Kind kind_of(const Context& c, std::string_view name) {
  const program::Argument& argument = *c.node.find(name);
  if (argument.as<program::ValueRef>() != nullptr) return c.recorded(argument).kind;
  if (argument.as<double>() != nullptr) return Kind::SymFloat;
  return argument.as<bool>() != nullptr ? Kind::SymBool : Kind::SymInt;
}

DType dtype_of(Kind kind) {
  if (kind == Kind::SymFloat) return DType::Float64;
  return kind == Kind::SymBool ? DType::Bool : DType::Int64;
}

// An argument as a tensor of shape [1].
V one(Context& c, std::string_view name, DType dtype) {
  if (dtype == DType::Int64 && kind_of(c, name) == Kind::SymInt) return c.b.as_vector(c.size(name));
  return c.b.unsqueeze(c.operand(name, dtype), {0});
}

V one(Context& c, std::string_view name) { return one(c, name, dtype_of(c.out().kind)); }

Values as_result(Context& c, const Size& size) { return {c.b.as_vector(size)}; }

using SizeRule = Size (Builder::*)(const Size&, const Size&);

// Integers go by the builder's arithmetic, which computes what is known; real numbers by a node.
template <SizeRule Rule, OpName Name>
Values arithmetic(Context& c) {
  if (c.out().kind == Kind::SymInt) return as_result(c, (c.b.*Rule)(c.size("a"), c.size("b")));
  return {c.b.op(Name.text, {one(c, "a"), one(c, "b")})};
}

Values floordiv(Context& c) {
  if (c.out().kind == Kind::SymInt) return as_result(c, c.b.size_floordiv(c.size("a"), c.size("b")));
  return {floor_div(c.b, one(c, "a"), one(c, "b"))};
}

Values truediv(Context& c) { return {c.b.div(one(c, "a", DType::Float64), one(c, "b", DType::Float64))}; }

Values mod(Context& c) { return {remainder(c.b, one(c, "a"), one(c, "b"))}; }
Values neg(Context& c) { return {c.b.op("Neg", {one(c, "a")})}; }
Values pos(Context& c) { return {one(c, "a")}; }
Values absolute(Context& c) { return {c.b.op("Abs", {one(c, c.node.args.front().name)})}; }

Values power(Context& c) {
  const program::Argument& exponent = *c.node.find("b");
  const int64_t* times = exponent.as<int64_t>();
  if (c.out().kind != Kind::SymInt || times == nullptr) return {c.b.op("Pow", {one(c, "a"), one(c, "b")})};
  Size result = 1;
  for (int64_t i = 0; i < *times; ++i) result = c.b.size_mul(result, c.size("a"));
  return as_result(c, result);
}

Values left_shift(Context& c) { return {c.b.mul(one(c, "a"), power_of_two(c.b, one(c, "b")))}; }
Values right_shift(Context& c) { return {floor_div(c.b, one(c, "a"), power_of_two(c.b, one(c, "b")))}; }

// Compared as real numbers when one of them is.
template <OpName Name>
Values compare_numbers(Context& c) {
  const Kind a = kind_of(c, "a");
  const Kind b = kind_of(c, "b");
  const bool real = a == Kind::SymFloat || b == Kind::SymFloat;
  const bool truth = a == Kind::SymBool && b == Kind::SymBool;
  const DType dtype = real ? DType::Float64 : truth ? DType::Bool : DType::Int64;
  return {c.b.op(Name.text, {one(c, "a", dtype), one(c, "b", dtype)})};
}

Values not_equal(Context& c) { return {c.b.op("Not", compare_numbers<"Equal">(c))}; }

template <OpName Name>
Values logical(Context& c) {
  if (c.out().kind != Kind::SymBool) c.unsupported("bitwise operators on symbolic integers");
  return {c.b.op(Name.text, {one(c, "a"), one(c, "b")})};
}

Values logical_not(Context& c) { return {c.b.op("Not", {one(c, "a", DType::Bool)})}; }

// A real number as an integer.
template <OpName Name>
Values rounded(Context& c) {
  const std::string& x = c.node.args.front().name;
  if (kind_of(c, x) != Kind::SymFloat) return {one(c, x)};
  return {c.b.cast(c.b.op(Name.text, {one(c, x, DType::Float64)}), DType::Int64)};
}

Values truncated(Context& c) {
  const std::string_view name = c.node.find("x") != nullptr ? "x" : "a";
  if (kind_of(c, name) != Kind::SymFloat) return {one(c, name)};
  return {c.b.cast(one(c, name, DType::Float64), DType::Int64)};
}

Values rounded_to_even(Context& c) {
  if (c.has("ndigits")) c.unsupported("rounding to a number of decimal digits");
  return rounded<"Round">(c);
}

Values to_float(Context& c) { return {one(c, "a", DType::Float64)}; }
Values square_root(Context& c) { return {c.b.op("Sqrt", {one(c, "a", DType::Float64)})}; }

Values choose(Context& c) {
  const DType dtype = dtype_of(c.out().kind);
  return {c.b.where(one(c, "b", DType::Bool), one(c, "t", dtype), one(c, "f", dtype))};
}

Values sum(Context& c) {
  Size total = 0;
  for (const Size& size : c.sizes("args")) total = c.b.size_add(total, size);
  return as_result(c, total);
}

Values size(Context& c) { return as_result(c, c.b.size_of(c.tensor("self"), c.axis("dim", "self"))); }

Values numel(Context& c) {
  Size product = 1;
  for (const Size& size : c.b.sizes_of(c.tensor("self"))) product = c.b.size_mul(product, size);
  return as_result(c, product);
}

Values stride(Context& c) {
  const auto axis = static_cast<std::size_t>(c.axis("dim", "self"));
  return as_result(c, c.size_of(c.info("self").strides.at(axis)));
}

// The one element of a tensor as a number. Where torch knew the number it wrote it wherever it is used, and leaves a
// call without a result.
Values item(Context& c) {
  if (c.n_outputs() == 0) return {};
  return {c.b.reshape(c.operand("self", dtype_of(c.out().kind)), {1})};
}

// Named as Python's own signatures name the arguments.
const Row kRows[] = {
    {"_operator::add(Scalar a, Scalar b) -> Scalar", arithmetic<&Builder::size_add, "Add">},
    {"_operator::sub(Scalar a, Scalar b) -> Scalar", arithmetic<&Builder::size_sub, "Sub">},
    {"_operator::mul(Scalar a, Scalar b) -> Scalar", arithmetic<&Builder::size_mul, "Mul">},
    {"_operator::floordiv(Scalar a, Scalar b) -> Scalar", floordiv},
    {"_operator::truediv(Scalar a, Scalar b) -> Scalar", truediv},
    {"_operator::mod(Scalar a, Scalar b) -> Scalar", mod},
    {"_operator::pow(Scalar a, Scalar b) -> Scalar", power},
    {"_operator::neg(Scalar a) -> Scalar", neg},
    {"_operator::pos(Scalar a) -> Scalar", pos},
    {"_operator::abs(Scalar a) -> Scalar", absolute},
    {"_operator::lshift(Scalar a, Scalar b) -> Scalar", left_shift},
    {"_operator::rshift(Scalar a, Scalar b) -> Scalar", right_shift},
    {"_operator::eq(Scalar a, Scalar b) -> Scalar", compare_numbers<"Equal">},
    {"_operator::ne(Scalar a, Scalar b) -> Scalar", not_equal},
    {"_operator::lt(Scalar a, Scalar b) -> Scalar", compare_numbers<"Less">},
    {"_operator::le(Scalar a, Scalar b) -> Scalar", compare_numbers<"LessOrEqual">},
    {"_operator::gt(Scalar a, Scalar b) -> Scalar", compare_numbers<"Greater">},
    {"_operator::ge(Scalar a, Scalar b) -> Scalar", compare_numbers<"GreaterOrEqual">},
    {"_operator::and_(Scalar a, Scalar b) -> Scalar", logical<"And">},
    {"_operator::or_(Scalar a, Scalar b) -> Scalar", logical<"Or">},
    {"_operator::xor(Scalar a, Scalar b) -> Scalar", logical<"Xor">},
    {"_operator::not_(Scalar a) -> Scalar", logical_not},
    {"math::floor(Scalar x) -> Scalar", rounded<"Floor">},
    {"math::ceil(Scalar x) -> Scalar", rounded<"Ceil">},
    {"math::trunc(Scalar x) -> Scalar", truncated},
    {"builtins::round(Scalar number, int? ndigits=None) -> Scalar", rounded_to_even},
    {"builtins::abs(Scalar x) -> Scalar", absolute},
    {"torch::sym_max(Scalar a, Scalar b) -> Scalar", arithmetic<&Builder::size_max, "Max">},
    {"torch::sym_min(Scalar a, Scalar b) -> Scalar", arithmetic<&Builder::size_min, "Min">},
    {"torch::sym_not(Scalar a) -> Scalar", logical_not},
    {"torch::sym_float(Scalar a) -> Scalar", to_float},
    {"torch::sym_int(Scalar a) -> Scalar", truncated},
    {"torch::sym_ite(Scalar b, Scalar t, Scalar f) -> Scalar", choose},
    {"torch::sym_sum(Scalar[] args) -> Scalar", sum},
    {"torch::_sym_sqrt(Scalar a) -> Scalar", square_root},
    {"aten::sym_size.int(Tensor self, int dim) -> SymInt", size},
    {"aten::sym_numel(Tensor self) -> SymInt", numel},
    {"aten::sym_stride.int(Tensor self, int dim) -> SymInt", stride},
    {"aten::item(Tensor self) -> Scalar", item},
    {"aten::_local_scalar_dense(Tensor self) -> Scalar", item},
    {"aten::is_nonzero(Tensor self) -> bool", item},
};

}  // namespace

Family symint_ops() { return kRows; }

}  // namespace modelexport::lower
