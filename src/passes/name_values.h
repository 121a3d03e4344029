// Names for the values that torch gave none, once nodes are named.
#pragma once

#include "onnx/model.h"

namespace modelexport::passes {

// A result is named after its node ("/encoder/MatMul_output_0"), a constant by its number ("constant_3").
// Names that torch or the user gave stay. Afterwards every value that is used has a name, and no two the same.
void name_values(onnx::Model& model);

}  // namespace modelexport::passes
