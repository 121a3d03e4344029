// Activations and softmax.
#include "lower/ops/activation.h"

#include <cmath>

#include "lower/ops/elementwise.h"
#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

Values relu6(Context& c) {
  const V self = c.tensor("self");
  return {c.b.clip(self, number_like(c.b, 0, self), number_like(c.b, 6, self))};
}

Values hardtanh(Context& c) {
  const DType dtype = c.out_dtype();
  return {c.b.clip(c.tensor("self"), c.scalar("min_val", dtype), c.scalar("max_val", dtype))};
}

// x/2 * (1 + erf(x / sqrt 2)), or its approximation by tanh.
V gelu_form(Builder& b, V x, bool tanh) {
  V bend = b.op("Erf", {tanh ? x : b.mul(x, number_like(b, M_SQRT1_2, x))});
  if (tanh) {
    const V cube = b.mul(b.mul(b.mul(x, x), x), number_like(b, 0.044715, x));
    bend = b.op("Tanh", {b.mul(b.add(x, cube), number_like(b, M_2_SQRTPI * M_SQRT1_2, x))});
  }
  return b.mul(b.mul(x, b.add(bend, number_like(b, 1, x))), number_like(b, 0.5, x));
}

Values gelu(Context& c) {
  const V self = c.tensor("self");
  const std::string approximate = c.text("approximate");
  if (c.b.opset() >= 20) return {c.b.op("Gelu", {self}, {{"approximate", approximate}})};
  return {gelu_form(c.b, self, approximate == "tanh")};
}

// Opset 24 has Swish, for which onnxruntime has no CPU kernel.
Values silu(Context& c) {
  const V self = c.tensor("self");
  return {c.b.mul(self, c.b.op("Sigmoid", {self}))};
}

Values mish(Context& c) {
  const V self = c.tensor("self");
  if (c.b.opset() >= 18) return {c.b.op("Mish", {self})};
  return {c.b.mul(self, c.b.op("Tanh", {c.b.op("Softplus", {self})}))};
}

Values elu(Context& c) {
  Builder& b = c.b;
  const V self = c.tensor("self");
  if (is_constant(c, "input_scale", 1)) {
    const V bent = b.op("Elu", {self}, {{"alpha", c.number("alpha")}});
    return {is_constant(c, "scale", 1) ? bent : b.mul(bent, number_like(b, c.number("scale"), self))};
  }
  const V negative = expm1(b, b.mul(self, number_like(b, c.number("input_scale"), self)));
  const V scaled = b.mul(negative, number_like(b, c.number("scale") * c.number("alpha"), self));
  const V positive = b.mul(self, number_like(b, c.number("scale"), self));
  return {b.where(is_positive(b, self), positive, scaled)};
}

Values celu(Context& c) { return {c.b.op("Celu", {c.tensor("self")}, {{"alpha", c.number("alpha")}})}; }

Values leaky_relu(Context& c) {
  return {c.b.op("LeakyRelu", {c.tensor("self")}, {{"alpha", c.number("negative_slope")}})};
}

Values rrelu(Context& c) {
  if (c.flag("training")) c.unsupported("rrelu in training mode");
  const double slope = (c.number("lower") + c.number("upper")) / 2;
  return {c.b.op("LeakyRelu", {c.tensor("self")}, {{"alpha", slope}})};
}

// A weight per channel, axis 1, is aligned to the right as ONNX broadcasts.
Values prelu(Context& c) {
  V weight = c.tensor("weight");
  if (c.rank("self") == 0) weight = c.b.reshape(weight, {});
  if (c.rank("weight") == 1 && c.rank("self") > 2) {
    std::vector<int64_t> axes;
    for (int64_t axis = 1; axis < c.rank("self") - 1; ++axis) axes.push_back(axis);
    weight = c.b.unsqueeze(weight, axes);
  }
  return {c.b.op("PRelu", {c.tensor("self"), weight})};
}

Values prelu_kernel(Context& c) { return {c.b.op("PRelu", {c.tensor("self"), c.tensor("weight")})}; }

Values hardsigmoid(Context& c) {
  return {c.b.op("HardSigmoid", {c.tensor("self")}, {{"alpha", 1.0 / 6}, {"beta", 0.5}})};
}

Values hardshrink(Context& c) {
  return {c.b.op("Shrink", {c.tensor("self")}, {{"lambd", c.number("lambd")}, {"bias", 0.0}})};
}

Values softshrink(Context& c) {
  const double lambd = c.number("lambd");
  return {c.b.op("Shrink", {c.tensor("self")}, {{"lambd", lambd}, {"bias", lambd}})};
}

// The identity above `threshold`; from 20 on the difference is below what any result shows.
Values softplus(Context& c) {
  Builder& b = c.b;
  const V self = c.tensor("self");
  const V beta = number_like(b, c.number("beta"), self);
  const bool plain = is_constant(c, "beta", 1);
  const V scaled = plain ? self : b.mul(self, beta);
  const V soft = b.op("Softplus", {scaled});
  const V result = plain ? soft : b.div(soft, beta);
  if (c.number("threshold") >= 20) return {result};
  return {b.where(b.op("Greater", {scaled, number_like(b, c.number("threshold"), self)}), self, result)};
}

Values log_sigmoid(Context& c) { return {c.b.op("Neg", {c.b.op("Softplus", {c.b.op("Neg", {c.tensor("self")})})})}; }

Values threshold(Context& c) {
  const V self = c.tensor("self");
  const DType dtype = c.out_dtype();
  const V below = c.b.op("LessOrEqual", {self, c.scalar("threshold", dtype)});
  return {c.b.where(below, c.scalar("value", dtype), self)};
}

Values glu(Context& c) {
  Attrs attrs{{"axis", c.axis("dim", "self")}};
  if (c.b.opset() >= 18) attrs.push_back({"num_outputs", 2});
  const Values halves = c.b.ops("Split", {c.tensor("self")}, 2, attrs);
  return {c.b.mul(halves[0], c.b.op("Sigmoid", {halves[1]}))};
}

}  // namespace

V along_axis(Builder& b, const char* op_type, V x, int64_t axis) {
  if (b.rank(x) != 0) return b.op(op_type, {x}, {{"axis", axis}});
  return b.squeeze(b.op(op_type, {b.unsqueeze(x, {0})}, {{"axis", 0}}), {0});
}

namespace {

// Computed in the type of the result, which may be wider than the input's.
template <OpName Name>
Values softmax(Context& c) {
  return {along_axis(c.b, Name.text, c.operand("self", c.out_dtype()), c.axis("dim", "self"))};
}

// (grad - sum(grad * output)) * output
Values softmax_gradient(Context& c) {
  const V grad = c.operand("grad_output", c.out_dtype());
  const V output = c.operand("output", c.out_dtype());
  const V product = c.b.mul(grad, output);
  if (c.out_rank() == 0) return {c.b.mul(c.b.sub(grad, product), output)};
  const V sum = c.b.reduce("ReduceSum", product, {c.axis("dim", "grad_output")}, true);
  return {c.b.mul(c.b.sub(grad, sum), output)};
}

// grad * mask * scale
Values dropout_gradient(Context& c) {
  const DType dtype = c.out_dtype();
  const V kept = c.b.mul(c.operand("grad_output", dtype), c.operand("mask", dtype));
  return {c.b.mul(kept, c.scalar("scale", dtype))};
}

const Row kRows[] = {
    {"aten::relu(Tensor self) -> Tensor", unary<"Relu">},
    {"aten::relu6(Tensor self) -> Tensor", relu6},
    {"aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", hardtanh},
    {"aten::gelu(Tensor self, *, str approximate=\"none\") -> Tensor", gelu},
    {"aten::silu(Tensor self) -> Tensor", silu},
    {"aten::mish(Tensor self) -> Tensor", mish},
    {"aten::selu(Tensor self) -> Tensor", unary<"Selu">},
    {"aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", elu},
    {"aten::celu(Tensor self, Scalar alpha=1.) -> Tensor", celu},
    {"aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", leaky_relu},
    {"aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, "
     "Generator? generator=None) -> Tensor",
     rrelu},
    {"aten::prelu(Tensor self, Tensor weight) -> Tensor", prelu},
    {"aten::_prelu_kernel(Tensor self, Tensor weight) -> Tensor", prelu_kernel},
    {"aten::hardsigmoid(Tensor self) -> Tensor", hardsigmoid},
    {"aten::hardswish(Tensor self) -> Tensor", unary<"HardSwish">},
    {"aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", hardshrink},
    {"aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", softshrink},
    {"aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", softplus},
    {"aten::log_sigmoid(Tensor self) -> Tensor", log_sigmoid},
    {"aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", threshold},
    {"aten::glu(Tensor self, int dim=-1) -> Tensor", glu},
    {"aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax<"Softmax">},
    {"aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", softmax<"Softmax">},
    {"aten::_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
     softmax_gradient},
    {"aten::native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor", dropout_gradient},
    {"aten::special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax<"Softmax">},
    {"aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax<"LogSoftmax">},
    {"aten::_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", softmax<"LogSoftmax">},
    {"aten::special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", softmax<"LogSoftmax">},
    {"aten::relu_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::relu6_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)", kViaFunctional},
    {"aten::gelu_(Tensor(a!) self, *, str approximate=\"none\") -> Tensor(a!)", kViaFunctional},
    {"aten::silu_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::mish_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::selu_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)", kViaFunctional},
    {"aten::celu_(Tensor(a!) self, Scalar alpha=1.) -> Tensor(a!)", kViaFunctional},
    {"aten::leaky_relu_(Tensor(a!) self, Scalar negative_slope=0.01) -> Tensor(a!)", kViaFunctional},
    {"aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, "
     "Generator? generator=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::hardsigmoid_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::hardswish_(Tensor(a!) self) -> Tensor(a!)", kViaFunctional},
    {"aten::threshold_(Tensor(a!) self, Scalar threshold, Scalar value) -> Tensor(a!)", kViaFunctional},
    {"aten::gelu.out(Tensor self, *, str approximate=\"none\", Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::silu.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::elu.out(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1, *, Tensor(a!) out) -> "
     "Tensor(a!)",
     kViaFunctional},
    {"aten::leaky_relu.out(Tensor self, Scalar negative_slope=0.01, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::hardtanh.out(Tensor self, Scalar min_val=-1, Scalar max_val=1, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::hardsigmoid.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::hardswish.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::softplus.out(Tensor self, Scalar beta=1, Scalar threshold=20, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::glu.out(Tensor self, int dim=-1, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::softmax.int_out(Tensor self, int dim, ScalarType? dtype=None, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::log_softmax.int_out(Tensor self, int dim, ScalarType? dtype=None, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::log_sigmoid.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::softshrink.out(Tensor self, Scalar lambd=0.5, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::hardshrink.out(Tensor self, Scalar lambd=0.5, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
    {"aten::threshold.out(Tensor self, Scalar threshold, Scalar value, *, Tensor(a!) out) -> Tensor(a!)",
     kViaFunctional},
    {"aten::mish.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family activation_rows() { return kRows; }

Family activation_ops() {
  static const std::vector<Row> rows = joined({activation_rows(), loss_rows(), distance_rows()});
  return rows;
}

}  // namespace modelexport::lower
