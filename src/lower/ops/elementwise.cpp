#include "lower/ops/elementwise.h"

#include <cmath>

#include "support/convert.h"

namespace modelexport::lower {

bool is_constant(const Context& c, std::string_view name, double value) {
  const program::Argument* argument = c.node.find(name);
  if (argument == nullptr) return false;
  if (const auto* integer = argument->as<int64_t>()) return static_cast<double>(*integer) == value;
  if (const auto* truth = argument->as<bool>()) return (*truth ? 1.0 : 0.0) == value;
  const auto* real = argument->as<double>();
  return real != nullptr && *real == value;
}

std::optional<double> constant_number(const Builder& b, V v) {
  const TensorView* data = b.constant_of(v);
  if (data == nullptr || data->numel() != 1) return std::nullopt;
  std::vector<std::byte> element(size_of(data->dtype));
  data->gather(0, 1, element.data());
  double number = 0;
  if (!convert_elements(data->dtype, element.data(), DType::Float64, reinterpret_cast<std::byte*>(&number), 1)) {
    return std::nullopt;
  }
  return number;
}

std::vector<Row> joined(std::initializer_list<Family> families) {
  std::vector<Row> rows;
  for (const Family& family : families) rows.insert(rows.end(), family.begin(), family.end());
  return rows;
}

V number_like(Builder& b, double value, V like) { return b.scalar(value, b.dtype(like)); }

V is_positive(Builder& b, V x) { return b.op("Greater", {x, number_like(b, 0, x)}); }
V is_negative(Builder& b, V x) { return b.op("Less", {x, number_like(b, 0, x)}); }

V is_nan(Builder& b, V x) {
  if (is_floating(b.dtype(x))) return b.op("IsNaN", {x});
  return b.op("Not", {b.op("Equal", {x, x})});
}

V trunc(Builder& b, V x) {
  if (!is_floating(b.dtype(x))) return x;
  return b.where(is_negative(b, x), b.op("Ceil", {x}), b.op("Floor", {x}));
}

namespace {

// x/y rounded down would be wrong where the quotient rounds up to an integer (1 // 0.1 is 9), so the remainder is
// taken off first, as torch does it.
V floor_div_float(Builder& b, V x, V y) {
  const auto divisor = constant_number(b, y);
  int exponent = 0;
  if (divisor && std::abs(std::frexp(*divisor, &exponent)) == 0.5) return b.op("Floor", {b.div(x, y)});
  const V one = number_like(b, 1, x);
  const V rest = fmod(b, x, y);
  V quotient = b.div(b.sub(x, rest), y);
  if (divisor && *divisor != 0) {
    const V below = *divisor > 0 ? is_negative(b, rest) : is_positive(b, rest);
    return b.op("Round", {b.where(below, b.sub(quotient, one), quotient)});
  }
  const V opposite = b.op("Less", {b.mul(b.op("Sign", {rest}), b.op("Sign", {y})), number_like(b, 0, x)});
  quotient = b.op("Round", {b.where(opposite, b.sub(quotient, one), quotient)});
  return b.where(b.op("Equal", {y, number_like(b, 0, y)}), b.div(x, y), quotient);
}

}  // namespace

V floor_div(Builder& b, V x, V y) {
  const DType dtype = b.dtype(x);
  if (is_floating(dtype)) return floor_div_float(b, x, y);
  if (is_unsigned(dtype) || dtype == DType::Bool) return b.div(x, y);
  // ONNX divides integers towards zero.
  return b.div(b.sub(x, b.op("Mod", {x, y})), y);
}

V fmod(Builder& b, V x, V y) {
  if (is_floating(b.dtype(x))) return b.op("Mod", {x, y}, {{"fmod", 1}});
  return b.sub(x, b.mul(b.div(x, y), y));
}

V remainder(Builder& b, V x, V y) {
  if (!is_floating(b.dtype(x))) return b.op("Mod", {x, y});
  const V rest = fmod(b, x, y);
  const auto divisor = constant_number(b, y);
  V opposite;
  if (divisor && *divisor != 0) {
    opposite = *divisor > 0 ? is_negative(b, rest) : is_positive(b, rest);
  } else {
    opposite = b.op("Less", {b.mul(b.op("Sign", {rest}), b.op("Sign", {y})), number_like(b, 0, x)});
  }
  return b.where(opposite, b.add(rest, y), rest);
}

V maximum(Builder& b, V x, V y) {
  if (b.dtype(x) == DType::Bool) return b.op("Or", {x, y});
  return b.op("Max", {x, y});
}

V minimum(Builder& b, V x, V y) {
  if (b.dtype(x) == DType::Bool) return b.op("And", {x, y});
  return b.op("Min", {x, y});
}

// 1/x tells -0.0 from 0.0, and x itself is negative where 1/x is -0.0.
V sign_bit(Builder& b, V x) {
  if (!is_floating(b.dtype(x))) return is_negative(b, x);
  return b.op("Or", {is_negative(b, x), is_negative(b, b.op("Reciprocal", {x}))});
}

// log(1 + x) loses the digits of a small x; twice the precision keeps them, and where there is none, the factor
// x / ((1 + x) - 1) restores them.
V log1p(Builder& b, V x) {
  const DType dtype = b.dtype(x);
  if (dtype != DType::Float64) {
    const V wide = b.cast(x, DType::Float64);
    return b.cast(b.op("Log", {b.add(wide, number_like(b, 1, wide))}), dtype);
  }
  const V one = number_like(b, 1, x);
  const V sum = b.add(x, one);
  const V kept = b.sub(sum, one);
  const V factor = b.where(b.op("Equal", {kept, x}), one, b.div(x, kept));
  const V none_kept = b.op("Equal", {kept, number_like(b, 0, x)});
  return b.where(none_kept, x, b.mul(b.op("Log", {sum}), factor));
}

// exp(x) - 1 = tanh(x / 2) * (exp(x) + 1), where nothing cancels.
V expm1(Builder& b, V x) {
  const V half = b.op("Tanh", {b.mul(x, number_like(b, 0.5, x))});
  return b.mul(half, b.add(b.op("Exp", {x}), number_like(b, 1, x)));
}

// The angle in the first quadrant, mirrored to where (x, y) lies.
V atan2(Builder& b, V y, V x) {
  const V y_size = b.op("Abs", {y});
  const V x_size = b.op("Abs", {x});
  const V same = b.op("Equal", {y_size, x_size});  // 0/0 and inf/inf have no quotient
  const V tangent = b.where(same, b.cast(is_positive(b, x_size), b.dtype(x)), b.div(y_size, x_size));
  const V angle = b.op("Atan", {tangent});
  const V left = b.where(sign_bit(b, x), b.sub(number_like(b, M_PI, angle), angle), angle);
  return b.where(sign_bit(b, y), b.op("Neg", {left}), left);
}

V polynomial(Builder& b, V x, std::initializer_list<double> coefficients) {
  const double* at = coefficients.end() - 1;
  V sum = number_like(b, *at, x);
  while (at != coefficients.begin()) sum = b.add(b.mul(sum, x), number_like(b, *--at, x));
  return sum;
}

V power_of_two(Builder& b, V n) { return b.op("Pow", {number_like(b, 2, n), n}); }

}  // namespace modelexport::lower
