// What every model must satisfy before it is written.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"

namespace modelexport::onnx {

// One line for each finding, none when all is well: ids in range; every value made once, before it is used and where
// it can be seen; no two values of one name in sight of each other; outputs that exist; node names that are unique;
// initializers and values that refer to each other; weights inside their storages.
[[nodiscard]] std::vector<std::string> lint(const Model& model);

}  // namespace modelexport::onnx
