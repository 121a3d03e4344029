// Element-wise functions that ONNX has no operator for, and small helpers for lowerings of that kind.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "lower/op_table.h"

namespace modelexport::lower {

// The argument is the Python number `value`.
[[nodiscard]] bool is_constant(const Context& c, std::string_view name, double value);
// The only element of a constant, or nothing.
[[nodiscard]] std::optional<double> constant_number(const Builder& b, V v);
// The rows of several tables in one.
[[nodiscard]] std::vector<Row> joined(std::initializer_list<Family> families);

V trunc(Builder& b, V x);
V floor_div(Builder& b, V x, V y);  // Python's //, any one real type
V fmod(Builder& b, V x, V y);       // the sign of x
V remainder(Builder& b, V x, V y);  // the sign of y, as Python's %
V maximum(Builder& b, V x, V y);    // NaN where either is; or for bool
V minimum(Builder& b, V x, V y);    // NaN where either is; and for bool
V sign_bit(Builder& b, V x);        // bool; true for -0.0
V log1p(Builder& b, V x);           // exact near 0
V expm1(Builder& b, V x);           // exact near 0
V atan2(Builder& b, V y, V x);      // the angle of (x, y)
V is_nan(Builder& b, V x);          // bool; false for integers
V is_positive(Builder& b, V x);     // x > 0
V is_negative(Builder& b, V x);     // x < 0
// Any constant in the type of `like`.
V number_like(Builder& b, double value, V like);
// The coefficients, that of the lowest power first, times the powers of x.
V polynomial(Builder& b, V x, std::initializer_list<double> coefficients);
// 2^n in the integer type of `n`.
V power_of_two(Builder& b, V n);

}  // namespace modelexport::lower
