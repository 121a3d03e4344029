// The families of the op table, in the order that op_table.cpp lists them.
#pragma once

#include "lower/op_table.h"

namespace modelexport::lower {

Family pointwise_ops();      // arithmetic, comparison, logic, unary functions
Family activation_ops();     // relu, gelu, softmax, dropout, ...
Family cast_ops();           // to, type_as, _assert_*, clone, detach, ...
Family creation_ops();       // full, zeros, arange, *_like, eye, tril, ...
Family symint_ops();         // sym_size, _operator.*, math.*, torch.sym_*, item
Family reduction_ops();      // sum, mean, var, amax, argmax, cumsum, any, norm, ...
Family view_ops();           // view, reshape, transpose, expand, squeeze, split, ...
Family index_ops();          // index, gather, select, slice, index_select, embedding, take_along_dim, ...
Family scatter_ops();        // scatter*, index_put, index_add, masked_*, *_scatter, ...
Family sort_ops();           // sort, topk, unique, nonzero, searchsorted, bincount, ...
Family join_ops();           // cat, stack, pad, repeat, roll, flip, tile, meshgrid, ...
Family linear_ops();         // linear, addmm, matmul, bmm, einsum, baddbmm, ...
Family linalg_ops();         // norms of matrices, distances, cross, det, ...
Family attention_ops();      // scaled_dot_product_attention and its kin
Family conv_ops();           // convolutions, transposed ones
Family unfold_ops();         // im2col, col2im
Family pool_ops();           // max/avg/adaptive pools
Family adaptive_pool_ops();  // pools to a given size
Family norm_ops();           // layer, group, instance, rms, weight
Family batch_norm_ops();     // batch normalisation
Family rnn_ops();            // lstm, gru, rnn, cells
Family rnn_cell_ops();       // a single recurrent step
Family image_ops();          // upsample and interpolate
Family grid_ops();           // affine_grid, pixel_shuffle
Family grid_sample_ops();    // reading images at the positions of a grid
Family expert_ops();         // grouped_mm and kin
Family complex_ops();        // view_as_complex, fft, ... as pairs of reals
Family quantized_ops();      // quantized_decomposed.*
Family control_ops();        // cond, while_loop, scan, map

}  // namespace modelexport::lower
