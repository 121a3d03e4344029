// Reductions as other lowerings use them.
#pragma once

#include <vector>

#include "lower/op_table.h"

namespace modelexport::lower {

using Axes = std::vector<int64_t>;  // none: all axes

// Known to have no elements.
[[nodiscard]] bool is_empty(const Builder& b, V x);
// A reduction, which does nothing to a scalar.
V reduced(Builder& b, std::string_view op_type, V x, const Axes& axes, bool keepdim);
// log(sum(exp(x))), also where exp(x) overflows.
V log_sum_exp(Builder& b, V x, const Axes& axes, bool keepdim);
// The p-norm over `axes`; p may be infinite.
V vector_norm(Builder& b, V x, double p, const Axes& axes, bool keepdim);

Family reduction_rows();
Family cumulative_rows();
Family norm_rows();
Family statistics_rows();
Family gradient_rows();

}  // namespace modelexport::lower
