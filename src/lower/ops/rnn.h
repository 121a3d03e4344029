// One step of a recurrent network, shared by the cells and by the layers that run a cell over a sequence.
#pragma once

#include "lower/builder.h"

namespace modelexport::lower {

// x @ weight^T + bias for x of rank 2.
V affine(Builder& b, V x, V weight, V bias);

struct LstmState {
  V hidden;
  V cell;
};
// From the sum of both affine maps; `gates` holds input, forget, cell and output gate side by side.
LstmState lstm_step(Builder& b, V gates, V cell, int64_t hidden_size);

}  // namespace modelexport::lower
