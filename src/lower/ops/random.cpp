// Random tensors: the distributions are torch's, the numbers are the runtime's own.
#include <numbers>
#include <numeric>

#include "lower/ops/creation.h"
#include "lower/ops/elementwise.h"
#include "lower/ops/layout.h"

namespace modelexport::lower {

namespace {

// Random numbers of these sizes, in a type that has kernels.
V random(Context& c, const char* op_type, const Sizes& sizes, Attrs attrs) {
  if (const auto known = static_sizes(sizes)) {
    attrs.push_back({"shape", *known});
    return c.b.op(op_type, {}, attrs);
  }
  const std::string like = std::string(op_type) + "Like";
  return c.b.op(like, {c.b.op("ConstantOfShape", {c.b.shape_tensor(sizes)})}, attrs);
}

// In [0, 1): as many random bits as a float32 has digits, each the choice of Dropout to keep it.
V from_bits(Context& c, Sizes sizes) {
  constexpr int64_t kBits = 24;
  Builder& b = c.b;
  std::vector<int64_t> halvings;
  for (int64_t i = 0; i < kBits; ++i) halvings.push_back(-2 - i);  // what Dropout keeps it doubles
  const V exponents =
      along_axis(b, b.cast(b.ints(halvings), DType::Float32), 0, static_cast<int64_t>(sizes.size()) + 1);
  sizes.insert(sizes.begin(), kBits);
  const V bits = b.expand(b.op("Pow", {b.scalar(2, DType::Float32), exponents}), sizes);
  const V kept = b.op("Dropout", {bits, b.scalar(0.5, DType::Float32), b.scalar_int(1, DType::Bool)});
  return b.reduce("ReduceSum", kept, {0}, false);
}

// onnxruntime has no kernel for the random operators of opset 22, which added types to them.
bool has_random(const Builder& b) { return b.opset() < 22; }

V uniform(Context& c, const Sizes& sizes, double low = 0, double high = 1) {
  if (has_random(c.b)) return random(c, "RandomUniform", sizes, {{"low", low}, {"high", high}});
  const V u = from_bits(c, sizes);
  if (low == 0 && high == 1) return u;
  return c.b.add(c.b.mul(u, number_like(c.b, high - low, u)), number_like(c.b, low, u));
}

// From two uniform numbers where there is no operator (Box and Muller, 1958).
V normal(Context& c, const Sizes& sizes) {
  if (has_random(c.b)) return random(c, "RandomNormal", sizes, {});
  Builder& b = c.b;
  const V u = uniform(c, sizes);
  const V logarithm = b.op("Log", {b.sub(number_like(b, 1, u), u)});
  const V radius = b.op("Sqrt", {b.mul(logarithm, number_like(b, -2, u))});
  return b.mul(radius, b.op("Cos", {uniform(c, sizes, 0, 2 * std::numbers::pi)}));
}

Values rand(Context& c) { return {c.b.cast(uniform(c, c.out_sizes()), c.out_dtype())}; }
Values randn(Context& c) { return {c.b.cast(normal(c, c.out_sizes()), c.out_dtype())}; }

Values randint(Context& c) {
  const double low = c.node.find("low") != nullptr ? c.number("low") : 0;
  const V real = uniform(c, c.out_sizes(), low, c.number("high"));
  return {c.b.cast(c.b.op("Floor", {real}), c.out_dtype())};
}

// The order of as many random numbers.
Values randperm(Context& c) {
  const Size n = c.size("n");
  const V order = c.b.ops("TopK", {uniform(c, {n}), c.b.as_vector(n)}, 2)[1];
  return {c.b.cast(order, c.out_dtype())};
}

// The Gumbel-max trick (Gumbel, 1954; Vieira, 2014): the largest of log(p) - log(-log(u)) is drawn with probability p,
// and the k largest are draws without replacement, in order.
V gumbel_keys(Context& c, V weights, const Sizes& sizes) {
  const auto log = [&](V x) { return c.b.op("Log", {x}); };
  const auto negative = [&](V x) { return c.b.op("Neg", {x}); };
  return c.b.sub(log(weights), log(negative(log(uniform(c, sizes)))));
}

Values multinomial(Context& c) {
  const V weights = c.b.cast(c.tensor("self"), DType::Float32);
  const Size count = c.size("num_samples");
  Sizes sizes = c.sizes_of(c.info("self").sizes);
  if (!c.flag("replacement")) {
    return {c.b.ops("TopK", {gumbel_keys(c, weights, sizes), c.b.as_vector(count)}, 2)[1]};
  }
  sizes.insert(sizes.end() - 1, count);
  const V rows = c.b.unsqueeze(weights, {static_cast<std::int64_t>(sizes.size()) - 2});
  return {c.b.op("ArgMax", {gumbel_keys(c, rows, sizes)}, {{"axis", -1}, {"keepdims", 0}})};
}

// True with probability `p`.
V chance(Context& c, V p) {
  const V p_everywhere = c.b.expand(p, c.out_sizes());
  return c.b.op("Less", {uniform(c, c.out_sizes()), c.b.cast(p_everywhere, DType::Float32)});
}

Values bernoulli(Context& c) {
  const std::string_view p = c.node.find("p") != nullptr ? "p" : "self";
  return {c.b.cast(chance(c, c.operand(p, DType::Float32)), c.out_dtype())};
}

Values normal_of(Context& c) {
  const DType dtype = c.out_dtype();
  const V noise = c.b.cast(normal(c, c.out_sizes()), dtype);
  return {c.b.add(c.operand("mean", dtype), c.b.mul(noise, c.operand("std", dtype)))};
}

Values uniform_between(Context& c) {
  return {c.b.cast(uniform(c, c.out_sizes(), c.number("from"), c.number("to")), c.out_dtype())};
}

Values exponential(Context& c) {
  const V u = uniform(c, c.out_sizes());
  const V rest = c.b.sub(number_like(c.b, 1, u), u);
  const V scale = c.b.scalar(-1 / c.number("lambd"), DType::Float32);
  return {c.b.cast(c.b.mul(c.b.op("Log", {rest}), scale), c.out_dtype())};
}

// Kept with probability 1 - p, as ones and zeros of shape `sizes`.
V kept(Context& c, double p, const Sizes& sizes, DType dtype) {
  const V u = uniform(c, sizes);
  return c.b.cast(c.b.op("GreaterOrEqual", {u, number_like(c.b, p, u)}), dtype);
}

bool drops(Context& c) { return (!c.has("train") || c.flag("train")) && c.number("p") > 0; }

V dropped(Context& c, V mask, V input) {
  const double p = c.number("p");
  const V scale = number_like(c.b, p < 1 ? 1 / (1 - p) : 0, input);
  return c.b.mul(c.b.mul(input, mask), scale);
}

Values dropout(Context& c) {
  const V input = c.tensor("input");
  if (!drops(c)) return {input};
  return {dropped(c, kept(c, c.number("p"), c.out_sizes(), c.out_dtype()), input)};
}

Values native_dropout(Context& c) {
  const V input = c.tensor("input");
  if (!drops(c)) return {input, c.b.expand(c.b.scalar_int(1, DType::Bool), c.out_sizes())};
  const V mask = kept(c, c.number("p"), c.out_sizes(), c.out_dtype());
  return {dropped(c, mask, input), c.b.cast(mask, DType::Bool)};
}

// Drops whole channels.
Values feature_dropout(Context& c) {
  const V input = c.tensor("input");
  if (!drops(c)) return {input};
  Sizes sizes = c.out_sizes();
  for (std::size_t i = 2; i < sizes.size(); ++i) sizes[i] = 1;
  return {dropped(c, kept(c, c.number("p"), sizes, c.out_dtype()), input)};
}

Values alpha_dropout(Context& c) {
  if (drops(c)) c.unsupported("alpha dropout in training mode");
  return {c.tensor("input")};
}

const Row kRows[] = {
    {"aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> "
     "Tensor",
     multinomial},
    {"aten::rand(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     rand},
    {"aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     rand},
    {"aten::rand_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     rand},
    {"aten::rand_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     rand},
    {"aten::randn(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     randn},
    {"aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None) -> Tensor",
     randn},
    {"aten::randn_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     randn},
    {"aten::randn_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, "
     "Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     randn},
    {"aten::randint(SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, "
     "bool? pin_memory=None) -> Tensor",
     randint},
    {"aten::randint.generator(SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     randint},
    {"aten::randint.low(SymInt low, SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     randint},
    {"aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? "
     "dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     randint},
    {"aten::randint_like(Tensor self, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     randint},
    {"aten::randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     randint},
    {"aten::randint_like.generator(Tensor self, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? "
     "layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
     randint},
    {"aten::randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator, "
     "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? "
     "memory_format=None) -> Tensor",
     randint},
    {"aten::randperm(SymInt n, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None) -> Tensor",
     randperm},
    {"aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? "
     "device=None, bool? pin_memory=None) -> Tensor",
     randperm},
    {"aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", bernoulli},
    {"aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor", bernoulli},
    {"aten::bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor", bernoulli},
    {"aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor", uniform_between},
    {"aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor", exponential},
    {"aten::normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor", normal_of},
    {"aten::normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_of},
    {"aten::normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_of},
    {"aten::normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? "
     "dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
     normal_of},
    {"aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor",
     normal_of},
    {"aten::dropout(Tensor input, float p, bool train) -> Tensor", dropout},
    {"aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", native_dropout},
    {"aten::feature_dropout(Tensor input, float p, bool train) -> Tensor", feature_dropout},
    {"aten::alpha_dropout(Tensor input, float p, bool train) -> Tensor", alpha_dropout},
    {"aten::feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor", alpha_dropout},
    {"aten::bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)", kViaFunctional},
    {"aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)",
     kViaFunctional},
    {"aten::exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)", kViaFunctional},
    {"aten::dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", kViaFunctional},
    {"aten::feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", kViaFunctional},
    {"aten::alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", kViaFunctional},
};

}  // namespace

Family random_rows() { return kRows; }

}  // namespace modelexport::lower
