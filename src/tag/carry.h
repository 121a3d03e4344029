// Brings tags over to a model that an optimiser or quantizer made of a tagged one.
#pragma once

#include <cstdint>

#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

// How the nodes of the optimised model found theirs. They sum up to its nodes.
struct CarryCounts {
  uint64_t by_tensor = 0;        // computes a tensor of the tagged model, alone as before
  uint64_t merged = 0;           // computes a tensor that several nodes computed together, or each for itself
  uint64_t by_name = 0;          // has the name and op type of a tagged node
  uint64_t by_structure = 0;     // does the same to the same values
  uint64_t by_derived_name = 0;  // is named after a tensor that it computes in another layout
  uint64_t inherited = 0;        // neighbours along the data flow
  uint64_t fallback = 0;         // nothing: the root
};

struct Carried {
  ModuleTree modules;
  CarryCounts counts;
};

// `tagged` has scopes, with `modules` as their tree; `optimised` gets them. A fused node belongs to the nearest common
// ancestor of what it was made from, and lists the sources.
Carried carry_scopes(onnx::Model& tagged, const ModuleTree& modules, onnx::Model& optimised);

}  // namespace modelexport::tag
