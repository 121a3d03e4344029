// Empty families for those that have no file yet; a real definition wins over a weak one.
#include "lower/ops/families.h"

namespace modelexport::lower {

__attribute__((weak)) Family pointwise_ops() { return {}; }
__attribute__((weak)) Family activation_ops() { return {}; }
__attribute__((weak)) Family cast_ops() { return {}; }
__attribute__((weak)) Family creation_ops() { return {}; }
__attribute__((weak)) Family symint_ops() { return {}; }
__attribute__((weak)) Family reduction_ops() { return {}; }
__attribute__((weak)) Family view_ops() { return {}; }
__attribute__((weak)) Family index_ops() { return {}; }
__attribute__((weak)) Family scatter_ops() { return {}; }
__attribute__((weak)) Family sort_ops() { return {}; }
__attribute__((weak)) Family join_ops() { return {}; }
__attribute__((weak)) Family linear_ops() { return {}; }
__attribute__((weak)) Family attention_ops() { return {}; }
__attribute__((weak)) Family conv_ops() { return {}; }
__attribute__((weak)) Family unfold_ops() { return {}; }
__attribute__((weak)) Family pool_ops() { return {}; }
__attribute__((weak)) Family adaptive_pool_ops() { return {}; }
__attribute__((weak)) Family norm_ops() { return {}; }
__attribute__((weak)) Family batch_norm_ops() { return {}; }
__attribute__((weak)) Family linalg_ops() { return {}; }
__attribute__((weak)) Family rnn_ops() { return {}; }
__attribute__((weak)) Family rnn_cell_ops() { return {}; }
__attribute__((weak)) Family image_ops() { return {}; }
__attribute__((weak)) Family grid_ops() { return {}; }
__attribute__((weak)) Family expert_ops() { return {}; }
__attribute__((weak)) Family complex_ops() { return {}; }
__attribute__((weak)) Family quantized_ops() { return {}; }
__attribute__((weak)) Family control_ops() { return {}; }

}  // namespace modelexport::lower
