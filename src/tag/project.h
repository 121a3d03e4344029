// Gives scopes to the nodes of an ONNX file that others made, from whatever the file holds.
#pragma once

#include <cstdint>
#include <vector>

#include "modelexport/stages.h"
#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::tag {

// Where nodes got their scopes from. They sum up to the nodes of the model.
struct ProjectionCounts {
  uint64_t from_tags = 0;     // this project's own metadata
  uint64_t from_torch = 0;    // the metadata of torch's dynamo exporter
  uint64_t from_names = 0;    // scope names of torch's TorchScript exporter
  uint64_t from_weights = 0;  // the module whose parameter the node reads
  uint64_t inherited = 0;     // neighbours along the data flow
  uint64_t fallback = 0;      // nothing: the root
};

struct Projection {
  ModuleTree modules;
  ProjectionCounts counts;
};

// What may tell: everything that the file holds, or the names of its nodes and weights alone.
enum class Evidence : uint8_t { All, Names };

// Sets scope and provenance of every node: exact for what was recorded, inherited for what was concluded, fallback
// for the rest. `modules` are those of the real model, root first; without them the names of weights say which there
// are, and classes stay unknown. `stages` takes the times of "context", "inheritance" and "fallback".
Projection project_scopes(onnx::Model& model, std::vector<ModuleInfo> modules, Evidence evidence = Evidence::All,
                          Stages* stages = nullptr);

}  // namespace modelexport::tag
