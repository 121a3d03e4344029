// Why each auxiliary operation has the tag that it has, one line a node: what MODELEXPORT_AUX_OPS_DEBUG logs.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

// `model` went through tag_model(). "/attn/Reshape: Reshape of aten.view.default in attn (exact: torch recorded ...)".
[[nodiscard]] std::vector<std::string> explain_auxiliary(const onnx::Model& model, const ModuleTree& modules);

}  // namespace modelexport::tag
