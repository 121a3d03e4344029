// Loss functions.
#include <algorithm>
#include <cmath>

#include "lower/ops/activation.h"
#include "lower/ops/elementwise.h"
#include "lower/ops/layout.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };

Values finish(Context& c, V loss) {
  const int64_t reduction = c.integer("reduction");
  if (reduction == kNone) return {loss};
  return {reduced(c.b, reduction == kMean ? "ReduceMean" : "ReduceSum", loss, {}, false)};
}

V self_of(Context& c) { return c.operand("self", c.out_dtype()); }
V target_of(Context& c) { return c.operand("target", c.out_dtype()); }
V distance(Context& c) { return c.b.op("Abs", {c.b.sub(self_of(c), target_of(c))}); }
V at_least_zero(Builder& b, V x) { return b.op("Max", {x, number_like(b, 0, x)}); }

Values mse_loss(Context& c) {
  const V difference = c.b.sub(self_of(c), target_of(c));
  return finish(c, c.b.mul(difference, difference));
}

Values l1_loss(Context& c) { return finish(c, distance(c)); }

Values smooth_l1_loss(Context& c) {
  const double beta = c.number("beta");
  const V d = distance(c);
  if (beta == 0) return finish(c, d);
  const V near = c.b.mul(c.b.mul(d, d), number_like(c.b, 0.5 / beta, d));
  const V far = c.b.sub(d, number_like(c.b, 0.5 * beta, d));
  return finish(c, c.b.where(c.b.op("Less", {d, number_like(c.b, beta, d)}), near, far));
}

Values huber_loss(Context& c) {
  const V d = distance(c);
  const V delta = number_like(c.b, c.number("delta"), d);
  const V near = c.b.mul(c.b.mul(d, d), number_like(c.b, 0.5, d));
  const V far = c.b.mul(c.b.sub(d, number_like(c.b, 0.5 * c.number("delta"), d)), delta);
  return finish(c, c.b.where(c.b.op("LessOrEqual", {d, delta}), near, far));
}

V weighted(Context& c, V loss) { return c.has("weight") ? c.b.mul(loss, c.operand("weight", c.out_dtype())) : loss; }

// Logarithms are cut at -100, as torch does it.
Values binary_cross_entropy(Context& c) {
  Builder& b = c.b;
  const V self = self_of(c);
  const V target = target_of(c);
  const V one = number_like(b, 1, self);
  const auto log = [&](V x) { return b.op("Max", {b.op("Log", {x}), number_like(b, -100, x)}); };
  const V hit = b.mul(target, log(self));
  const V miss = b.mul(b.sub(one, target), log(b.sub(one, self)));
  return finish(c, weighted(c, b.op("Neg", {b.add(hit, miss)})));
}

Values binary_cross_entropy_with_logits(Context& c) {
  Builder& b = c.b;
  const V self = self_of(c);
  const V target = target_of(c);
  const V one = number_like(b, 1, self);
  V soft = b.op("Softplus", {b.op("Neg", {self})});
  if (c.has("pos_weight")) {
    const V extra = b.sub(c.operand("pos_weight", c.out_dtype()), one);
    soft = b.mul(soft, b.add(b.mul(extra, target), one));
  }
  return finish(c, weighted(c, b.add(b.mul(b.sub(one, target), self), soft)));
}

Values kl_div(Context& c) {
  Builder& b = c.b;
  const V self = self_of(c);
  const V target = target_of(c);
  if (c.flag("log_target")) return finish(c, b.mul(b.op("Exp", {target}), b.sub(target, self)));
  const V zero = number_like(b, 0, target);
  const V entropy = b.where(b.op("Equal", {target, zero}), zero, b.mul(target, b.op("Log", {target})));
  return finish(c, b.sub(entropy, b.mul(target, self)));
}

Values soft_margin_loss(Context& c) {
  const V product = c.b.mul(self_of(c), target_of(c));
  return finish(c, c.b.op("Softplus", {c.b.op("Neg", {product})}));
}

Values margin_ranking_loss(Context& c) {
  const DType dtype = c.out_dtype();
  const V difference = c.b.sub(c.operand("input2", dtype), c.operand("input1", dtype));
  const V ranked = c.b.mul(difference, c.operand("target", dtype));
  return finish(c, at_least_zero(c.b, c.b.add(ranked, number_like(c.b, c.number("margin"), ranked))));
}

Values hinge_embedding_loss(Context& c) {
  Builder& b = c.b;
  const V self = self_of(c);
  const V target = target_of(c);
  const V zero = number_like(b, 0, self);
  const V hinge = at_least_zero(b, b.sub(number_like(b, c.number("margin"), self), self));
  const V apart = b.where(b.op("Equal", {target, number_like(b, 1, target)}), zero, hinge);
  const V together = b.where(b.op("Equal", {target, number_like(b, -1, target)}), zero, self);
  return finish(c, b.add(apart, together));
}

Values poisson_nll_loss(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const V input = c.operand("input", dtype);
  const V target = c.operand("target", dtype);
  const V eps = number_like(b, c.number("eps"), input);
  V loss = c.flag("log_input") ? b.sub(b.op("Exp", {input}), b.mul(target, input))
                               : b.sub(input, b.mul(target, b.op("Log", {b.add(input, eps)})));
  if (c.flag("full")) {  // Stirling's formula for log(target!)
    const V log = b.op("Log", {target});
    const V half_log = b.mul(b.add(log, number_like(b, std::log(2 * M_PI), log)), number_like(b, 0.5, log));
    const V factorial = b.add(b.sub(b.mul(target, log), target), half_log);
    const V above_one = b.op("Greater", {target, number_like(b, 1, target)});
    loss = b.add(loss, b.where(above_one, factorial, number_like(b, 0, target)));
  }
  return finish(c, loss);
}

// ---- classes ----

// What the class losses share: the axis of classes, the targets that count, and each one's weight.
struct ClassTargets {
  int64_t axis;
  V index;  // where a target is ignored, class 0
  V ignored;
  V weight;  // by target; 0 where ignored
};

ClassTargets class_targets(Context& c, DType dtype) {
  Builder& b = c.b;
  const V target = c.operand("target", DType::Int64);
  ClassTargets t{};
  t.axis = c.rank("self") == 1 ? 0 : 1;
  t.ignored = b.op("Equal", {target, b.as_scalar(c.size("ignore_index"))});
  t.index = b.where(t.ignored, b.scalar_int(0), target);
  const V weight = c.has("weight") ? b.gather(c.operand("weight", dtype), t.index, 0) : b.scalar(1, dtype);
  t.weight = b.where(t.ignored, b.scalar(0, dtype), weight);
  return t;
}

// -log_probability of the target class, weighted.
V picked_loss(Context& c, V log_probability, const ClassTargets& t) {
  Builder& b = c.b;
  const V at = b.unsqueeze(t.index, {t.axis});
  const V picked = b.squeeze(b.op("GatherElements", {log_probability, at}, {{"axis", t.axis}}), {t.axis});
  return b.op("Neg", {b.mul(picked, t.weight)});
}

V total(Builder& b, V x) { return reduced(b, "ReduceSum", x, {}, false); }

// The mean is over the targets' weights.
V class_mean(Context& c, V loss, const ClassTargets& t) {
  const int64_t reduction = c.integer("reduction");
  if (reduction == kNone) return loss;
  if (reduction == kSum) return total(c.b, loss);
  return c.b.div(total(c.b, loss), total(c.b, t.weight));
}

Values nll_loss(Context& c) {
  const DType dtype = c.out_dtype();
  const ClassTargets t = class_targets(c, dtype);
  const V loss = class_mean(c, picked_loss(c, c.operand("self", dtype), t), t);
  if (c.n_outputs() == 1) return {loss};
  return {loss, c.integer("reduction") == kNone ? c.b.scalar(0, dtype) : total(c.b, t.weight)};
}

V class_count(Context& c, V self, int64_t axis) { return c.b.as_scalar(c.b.size_of(self, axis), c.b.dtype(self)); }

// Class weights beside the log probabilities.
V class_weighted(Context& c, V log_probability) {
  if (!c.has("weight")) return log_probability;
  V weight = c.operand("weight", c.b.dtype(log_probability));
  std::vector<int64_t> axes;
  for (int64_t axis = 1; axis < c.rank("self") - 1; ++axis) axes.push_back(axis);
  return c.b.mul(log_probability, c.b.unsqueeze(weight, axes));
}

V class_sum(Context& c, V x, int64_t axis) { return c.b.op("Neg", {reduced(c.b, "ReduceSum", x, {axis}, false)}); }

// Targets are the probabilities of all classes.
V soft_cross_entropy(Context& c, V log_probability, int64_t axis, double smoothing) {
  Builder& b = c.b;
  V target = target_of(c);
  if (smoothing > 0) {
    const V spread = b.div(number_like(b, smoothing, target), class_count(c, log_probability, axis));
    target = b.add(b.mul(target, number_like(b, 1 - smoothing, target)), spread);
  }
  const V loss = class_sum(c, b.mul(class_weighted(c, log_probability), target), axis);
  return finish(c, loss).front();
}

Values cross_entropy_loss(Context& c) {
  Builder& b = c.b;
  const DType dtype = c.out_dtype();
  const int64_t axis = c.rank("self") == 1 ? 0 : 1;
  const double smoothing = c.number("label_smoothing");
  const V log_probability = along_axis(b, "LogSoftmax", c.operand("self", dtype), axis);
  if (is_floating(c.dtype("target"))) return {soft_cross_entropy(c, log_probability, axis, smoothing)};
  const ClassTargets t = class_targets(c, dtype);
  const V hard = class_mean(c, picked_loss(c, log_probability, t), t);
  if (smoothing == 0) return {hard};
  const V all = class_sum(c, class_weighted(c, log_probability), axis);
  const V soft = class_mean(c, b.where(t.ignored, b.scalar(0, dtype), all), t);
  const V share = b.div(b.scalar(smoothing, dtype), class_count(c, log_probability, axis));
  return {b.add(b.mul(hard, b.scalar(1 - smoothing, dtype)), b.mul(soft, share))};
}

// Each row names its classes up to the first -1: every one of them is to win over every other class by a margin of 1.
Values multilabel_margin_loss(Context& c) {
  Builder& b = c.b;
  // A single number is one class.
  const bool is_number = c.rank("self") == 0;
  const int64_t rank = std::max<int64_t>(c.rank("self"), 1);
  const V self = is_number ? b.unsqueeze(self_of(c), {0}) : self_of(c);
  const V given = c.operand("target", DType::Int64);
  const V target = is_number ? b.reshape(given, {1}) : given;
  const Size classes = b.size_of(self, rank - 1);
  const V ends = b.cast(b.op("Equal", {target, b.scalar_int(-1)}), DType::Int64);
  const V named = b.op("Equal", {b.op("CumSum", {ends, b.scalar_int(rank - 1)}), b.scalar_int(0)});
  const V label = b.unsqueeze(b.where(named, target, b.scalar_int(-1)), {rank});
  const V hit = b.cast(b.op("Equal", {label, range(b, classes)}), c.out_dtype());
  const V is_target = b.reduce("ReduceMax", hit, {rank - 1}, false);
  const V first = b.where(named, target, b.scalar_int(0));
  const V won = b.unsqueeze(b.op("GatherElements", {self, first}, {{"axis", rank - 1}}), {rank});
  const V other = b.unsqueeze(self, {rank - 1});
  const V gap = at_least_zero(b, b.add(b.sub(number_like(b, 1, self), won), other));
  const V counts = b.op("And", {b.unsqueeze(named, {rank}),
                                b.op("Equal", {b.unsqueeze(is_target, {rank - 1}), number_like(b, 0, self)})});
  const V sum = b.reduce("ReduceSum", b.where(counts, gap, number_like(b, 0, self)), {rank - 1, rank}, false);
  const V loss = b.div(sum, b.as_scalar(classes, c.out_dtype()));
  return {finish(c, loss).front(), c.rank("target") == 0 ? b.squeeze(is_target, {0}) : is_target};
}

const Row kRows[] = {
    {"aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", mse_loss},
    {"aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", l1_loss},
    {"aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor", smooth_l1_loss},
    {"aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor", huber_loss},
    {"aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
     binary_cross_entropy},
    {"aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? "
     "pos_weight=None, int reduction=1) -> Tensor",
     binary_cross_entropy_with_logits},
    {"aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor", kl_div},
    {"aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", multilabel_margin_loss},
    {"aten::multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor "
     "is_target)",
     multilabel_margin_loss},
    {"aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", soft_margin_loss},
    {"aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> "
     "Tensor",
     margin_ranking_loss},
    {"aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor",
     hinge_embedding_loss},
    {"aten::poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> "
     "Tensor",
     poisson_nll_loss},
    {"aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> "
     "Tensor",
     nll_loss},
    {"aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) "
     "-> Tensor",
     nll_loss},
    {"aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> "
     "Tensor",
     nll_loss},
    {"aten::nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> "
     "(Tensor output, Tensor total_weight)",
     nll_loss},
    {"aten::nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> "
     "(Tensor output, Tensor total_weight)",
     nll_loss},
    {"aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt "
     "ignore_index=-100, float label_smoothing=0.) -> Tensor",
     cross_entropy_loss},
};

}  // namespace

Family loss_rows() { return kRows; }

}  // namespace modelexport::lower
