// What the files of activation_ops() share.
#pragma once

#include "lower/op_table.h"

namespace modelexport::lower {

// Softmax and its kin, which ONNX does not have for scalars.
V along_axis(Builder& b, const char* op_type, V x, int64_t axis);

Family activation_rows();
Family loss_rows();
Family distance_rows();

}  // namespace modelexport::lower
