// Batch normalisation: one node with running statistics, arithmetic with the batch's own.
#include <algorithm>

#include "lower/ops/families.h"
#include "lower/ops/normalize.h"
#include "lower/ops/reduction.h"

namespace modelexport::lower {

namespace {

// Half precision inputs may come with float32 parameters, which must not be rounded.
DType computation_type(Context& c) {
  DType dtype = c.out_dtype();
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) {
    if (c.has(name)) dtype = promote(dtype, c.dtype(name));
  }
  return dtype;
}

Sizes channels(Context& c) {
  if (c.rank("input") < 2) c.unsupported("an input without a channel axis");
  return {c.shape("input").at(1)};
}

V with_running_statistics(Context& c) {
  const DType dtype = computation_type(c);
  const V x = c.operand("input", dtype);
  const V weight = operand_or_full(c, "weight", dtype, 1, channels(c));
  const V bias = operand_or_full(c, "bias", dtype, 0, channels(c));
  const V mean = c.operand("running_mean", dtype);
  const V variance = c.operand("running_var", dtype);
  return c.b.op("BatchNormalization", {x, weight, bias, mean, variance}, {{"epsilon", c.number("eps")}});
}

struct BatchResult {
  V out;
  V mean;      // [C]
  V variance;  // [C], biased
};

std::vector<int64_t> axes_but_channels(int64_t rank) {
  std::vector<int64_t> axes = last_axes(rank, std::max<int64_t>(rank - 2, 0));
  axes.insert(axes.begin(), 0);
  return axes;
}

BatchResult with_batch_statistics(Context& c) {
  const DType dtype = accumulation_type(computation_type(c));
  const int64_t rank = c.rank("input");
  const std::vector<int64_t> axes = axes_but_channels(rank);
  const Moments m = moments(c.b, c.operand("input", dtype), axes);
  const V deviation = c.b.op("Sqrt", {c.b.add(m.variance, c.b.scalar(c.number("eps"), dtype))});
  const V out =
      scale_and_shift(c.b, c.b.div(m.centered, deviation), per_channel(c.b, c.optional_tensor("weight"), rank),
                      per_channel(c.b, c.optional_tensor("bias"), rank));
  return {out, c.b.squeeze(m.mean, axes), c.b.squeeze(m.variance, axes)};
}

bool uses_batch_statistics(Context& c) { return c.flag("training") || !c.has("running_mean"); }

Values batch_norm(Context& c) {
  if (is_empty(c.b, c.tensor("input"))) return {c.operand("input", c.out_dtype())};
  return {uses_batch_statistics(c) ? with_batch_statistics(c).out : with_running_statistics(c)};
}

// What backward would need: nothing but empty tensors outside training.
Values inference_results(Context& c) {
  Values results{with_running_statistics(c)};
  while (results.size() < c.n_outputs()) results.push_back(c.b.full(0, c.out_dtype(results.size()), {0}));
  return results;
}

Values training_results(Context& c, const BatchResult& batch) {
  return {batch.out, batch.mean, inverse_deviation(c.b, batch.variance, c.number("eps"))};
}

Values native_batch_norm(Context& c) {
  return uses_batch_statistics(c) ? training_results(c, with_batch_statistics(c)) : inference_results(c);
}

Values native_batch_norm_no_stats(Context& c) { return training_results(c, with_batch_statistics(c)); }

// (1 - momentum) * running + momentum * batch
V updated(Context& c, std::string_view running, V batch) {
  const V momentum = c.scalar("momentum", c.b.dtype(batch));
  const V old = c.operand(running, c.b.dtype(batch));
  return c.b.add(old, c.b.mul(momentum, c.b.sub(batch, old)));
}

// The running variance takes the unbiased one of the batch.
V unbiased(Context& c, V variance) {
  Size count = 1;
  const Sizes sizes = c.shape("input");
  for (int64_t axis : axes_but_channels(c.rank("input"))) {
    count = c.b.size_mul(count, sizes[static_cast<std::size_t>(axis)]);
  }
  const DType dtype = c.b.dtype(variance);
  const V n = c.b.as_scalar(count, dtype);
  return c.b.mul(variance, c.b.div(n, c.b.sub(n, c.b.scalar(1, dtype))));
}

Values with_update(Context& c) {
  const BatchResult batch = with_batch_statistics(c);
  Values results = training_results(c, batch);
  while (results.size() + 2 < c.n_outputs()) results.push_back(c.b.full(0, c.out_dtype(results.size()), {0}));
  results.push_back(updated(c, "running_mean", batch.mean));
  results.push_back(updated(c, "running_var", unbiased(c, batch.variance)));
  return results;
}

Values native_batch_norm_functional(Context& c) {
  if (c.flag("training")) return with_update(c);
  Values results = inference_results(c);
  results[3] = c.tensor("running_mean");
  results[4] = c.tensor("running_var");
  return results;
}

constexpr Row kRows[] = {
    {"aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
     "training, float momentum, float eps, bool cudnn_enabled) -> Tensor",
     batch_norm},
    {"aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
     "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     native_batch_norm},
    {"aten::_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float "
     "momentum, float eps) -> (Tensor, Tensor, Tensor)",
     native_batch_norm_no_stats},
    {"aten::_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, "
     "Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     inference_results},
    {"aten::_native_batch_norm_legit_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, "
     "Tensor running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor "
     "running_mean_out, Tensor running_var_out)",
     native_batch_norm_functional},
    {"aten::_batch_norm_no_update(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? "
     "running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)",
     inference_results},
    {"aten::_batch_norm_with_update_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor "
     "running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor "
     "running_var_out)",
     with_update},
};

}  // namespace

Family batch_norm_ops() { return kRows; }

}  // namespace modelexport::lower
