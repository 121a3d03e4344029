// Greatest common divisors and least common multiples.
#include "lower/ops/layout.h"
#include "lower/ops/pointwise.h"

namespace modelexport::lower {

namespace {

V any_left(Builder& b, V rest) { return any_of(b, b.op("Greater", {rest, b.scalar_int(0)}), iota(*b.rank(rest))); }

// Euclid's algorithm on non-negative int64 tensors of one shape, until nothing is left anywhere.
V greatest_divisor(Builder& b, V larger, V smaller) {
  const V goes_on_at_all = any_left(b, smaller);
  b.enter_graph("step");
  b.graph_input("iteration", DType::Int64, onnx::Shape{});
  b.graph_input("condition", DType::Bool, onnx::Shape{});
  const V divisor = b.graph_input("divisor", DType::Int64, b.value(larger).shape);
  const V rest = b.graph_input("rest", DType::Int64, b.value(smaller).shape);
  const V goes_on = b.op("Greater", {rest, b.scalar_int(0)});
  const V next_rest = b.op("Mod", {divisor, b.where(goes_on, rest, b.scalar_int(1))});
  const V next = b.where(goes_on, rest, divisor);
  const auto body = b.leave_graph({any_left(b, next_rest), next, next_rest});
  const V found = b.ops("Loop", {V{}, goes_on_at_all, larger, smaller}, 2, {{"body", body}}).front();
  b.refine(found, DType::Int64, b.value(larger).shape);
  return found;
}

V magnitude(Context& c, std::string_view name) {
  const V x = c.b.op("Abs", {c.operand(name, DType::Int64)});
  return c.b.expand(x, c.out_sizes());
}

Values gcd(Context& c) {
  return {c.b.cast(greatest_divisor(c.b, magnitude(c, "self"), magnitude(c, "other")), c.out_dtype())};
}

// |a b| / gcd; 0 where both are.
Values lcm(Context& c) {
  Builder& b = c.b;
  const V a = magnitude(c, "self");
  const V other = magnitude(c, "other");
  const V divisor = b.op("Max", {greatest_divisor(b, a, other), b.scalar_int(1)});
  return {b.cast(b.mul(b.div(a, divisor), other), c.out_dtype())};
}

const Row kRows[] = {
    {"aten::gcd(Tensor self, Tensor other) -> Tensor", gcd},
    {"aten::gcd_(Tensor(a!) self, Tensor other) -> Tensor(a!)", kViaFunctional},
    {"aten::gcd.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::lcm(Tensor self, Tensor other) -> Tensor", lcm},
    {"aten::lcm_(Tensor(a!) self, Tensor other) -> Tensor(a!)", kViaFunctional},
    {"aten::lcm.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family divisor_rows() { return kRows; }

}  // namespace modelexport::lower
