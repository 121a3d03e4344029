// Systems of linear equations, for other files.
#pragma once

#include "lower/op_table.h"

namespace modelexport::lower {

V inverse_of(Builder& b, V a);            // of matrices [..., n, n]
V solution_of(Builder& b, V a, V right);  // X with A X = B: [..., n, n] and [..., n, m], of the same batch

}  // namespace modelexport::lower
