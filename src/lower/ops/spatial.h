// What convolutions, pools and resizing share: spatial axes, with or without a batch axis.
#pragma once

#include "lower/builder.h"

namespace modelexport::lower {

// ONNX wants (N, C, spatial...); torch also takes (C, spatial...). Wraps what is done to the batched tensor.
template <typename Body>
V with_batch_axis(Builder& b, V x, bool has_batch, Body&& body) {
  if (has_batch) return body(x);
  return b.squeeze(body(b.unsqueeze(x, {0})), {0});
}

// The same padding before and after each axis, as ONNX writes it: all the befores, then all the afters.
inline std::vector<int64_t> symmetric_pads(const std::vector<int64_t>& padding) {
  std::vector<int64_t> pads = padding;
  pads.insert(pads.end(), padding.begin(), padding.end());
  return pads;
}

}  // namespace modelexport::lower
