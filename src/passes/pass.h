// Passes over the ONNX model, after lowering and before tagging. Each is one file and one function; the order is
// the list in pipeline.cpp. A pass returns whether it changed anything.
#pragma once

#include "onnx/model.h"
#include "scope/module_tree.h"

namespace modelexport::passes {

struct PassContext {
  const ModuleTree& modules;
  // Passes that cross module borders (provenance merged) or fuse operators run only when the user asked for it.
  bool optimize = false;
  // Weights stay as they lie in their files, also those that are read transposed.
  bool keep_layouts = false;
};

// Runs all of them, in order.
void run_passes(onnx::Model& model, const PassContext& context);

// ---- always ----
// Two Transposes (Reshapes) in a row, made by the same module call, become one.
bool merge_transposes(onnx::Model& model, const PassContext& context);
bool merge_reshapes(onnx::Model& model, const PassContext& context);
// A weight that is only used transposed is written transposed; its Transpose nodes go.
bool transpose_weights(onnx::Model& model, const PassContext& context);
// Rotary position embeddings written out become RotaryEmbedding, from opset 23 on.
bool fuse_rotary(onnx::Model& model, const PassContext& context);
// Nodes and initializers that no output needs.
bool remove_dead(onnx::Model& model, const PassContext& context);

// ---- when optimising ----
// BatchNormalization behind a convolution moves into its weights (Ioffe and Szegedy 2015, section 3.1).
bool fold_batch_norm(onnx::Model& model, const PassContext& context);
// Zeros around the input of a convolution become its own padding.
bool fold_pads(onnx::Model& model, const PassContext& context);
// A weight that is only used in another shape is written in it; its Reshape nodes go.
bool reshape_weights(onnx::Model& model, const PassContext& context);
// What adds 0, multiplies by 1 or gives the shape that is there goes.
bool drop_neutral(onnx::Model& model, const PassContext& context);
// A product with a reciprocal becomes a quotient.
bool divide(onnx::Model& model, const PassContext& context);
// One projection that is taken apart behind it becomes one of a part of the weight each.
bool split_projections(onnx::Model& model, const PassContext& context);
// What broadcasts by itself reads what was to be expanded.
bool drop_expands(onnx::Model& model, const PassContext& context);
// A Pad goes in front of the Transpose before it, when what is behind moves elements too.
bool pad_early(onnx::Model& model, const PassContext& context);
// Chains of nodes that only move elements become one Gather of rows.
bool gather_rows(onnx::Model& model, const PassContext& context);
// Linear layers, and what is computed row by row between them, work on matrices.
bool flatten_rows(onnx::Model& model, const PassContext& context);
// The product of two matrices and the sum with a bias become one Gemm.
bool merge_bias(onnx::Model& model, const PassContext& context);
// Nodes that compute the same thing become one, which belongs to the common ancestor of their modules.
bool merge_equal_nodes(onnx::Model& model, const PassContext& context);

}  // namespace modelexport::passes
