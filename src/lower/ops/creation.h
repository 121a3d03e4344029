// What the files of creation_ops() share.
#pragma once

#include <vector>

#include "lower/op_table.h"

namespace modelexport::lower {

// A constant of these row-major values.
V constant_of(Builder& b, const std::vector<double>& values, DType dtype, const std::vector<int64_t>& sizes);

Family creation_rows();
Family window_rows();
Family random_rows();

}  // namespace modelexport::lower
