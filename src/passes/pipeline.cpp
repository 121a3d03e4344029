#include "passes/pass.h"

namespace modelexport::passes {

void run_passes(onnx::Model& model, const PassContext& context) {
  using Pass = bool (*)(onnx::Model&, const PassContext&);
  for (const Pass pass : {remove_dead, merge_transposes, merge_reshapes, fuse_rotary}) pass(model, context);
  if (context.optimize) {
    for (const Pass pass : {fold_pads, fold_batch_norm, drop_neutral, merge_equal_nodes}) pass(model, context);
    for (const Pass pass : {divide, reshape_weights}) pass(model, context);
  }
  if (!context.keep_layouts) transpose_weights(model, context);
  if (context.optimize) {
    // Parts of a weight are no longer the parameter as it lies in its file.
    if (!context.keep_layouts) split_projections(model, context);
    for (const Pass pass : {merge_transposes, drop_expands, remove_dead, pad_early, gather_rows}) pass(model, context);
    for (const Pass pass : {flatten_rows, merge_reshapes, drop_neutral, merge_bias}) pass(model, context);
  }
  remove_dead(model, context);
}

}  // namespace modelexport::passes
