// Rotary position embeddings as they are commonly written. The last axis of x is turned by pairs: element i with
// element i + h, h half of the axis, or (interleaved) element 2i with element 2i + 1. Written either as
//   x * cos + join(-second(x), first(x)) * sin,                       whose tables name every angle twice, or as
//   join(first(x) * cos - second(x) * sin, second(x) * cos + first(x) * sin),
// where first and second are slices, and join puts their elements back where they were.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "onnx/model.h"
#include "passes/uses.h"

namespace modelexport::passes {

struct Rotation {
  onnx::ValueId x = onnx::kNoValue;
  onnx::ValueId cos = onnx::kNoValue;
  onnx::ValueId sin = onnx::kNoValue;
  bool interleaved = false;
  bool angles_twice = false;  // the tables are as wide as x, not half of it
};

// Elements start, start + step, ... of x's last axis; `size` of them.
struct Part {
  onnx::ValueId x = onnx::kNoValue;
  int64_t start = 0;
  int64_t size = -1;
  int64_t step = 1;
};

// Two values whose elements are put one after the other, or (interleaved) in turns, along the last axis.
struct Joined {
  onnx::ValueId first = onnx::kNoValue;
  onnx::ValueId second = onnx::kNoValue;
  bool interleaved = false;
};

class RotaryPattern {
 public:
  explicit RotaryPattern(onnx::Model& model) : model_(model), uses_(model) {}

  // The rotation that `node` ends.
  [[nodiscard]] std::optional<Rotation> rotation(const onnx::Node& node) const;
  // The value of which `id` has each element twice.
  [[nodiscard]] std::optional<onnx::ValueId> repeated(onnx::ValueId id, bool interleaved) const;
  // Of what `id` is a part, cut out by the module call of `reader`.
  [[nodiscard]] std::optional<Part> part(onnx::ValueId id, const onnx::Node& reader) const;

  // The node that makes `id`; null for inputs, initializers and what was added since.
  [[nodiscard]] const onnx::Node* producer(onnx::ValueId id) const;
  // That node when it makes `id` for `reader` alone, in the same module call, and is an `op_type` if one is asked for.
  [[nodiscard]] const onnx::Node* only_for(onnx::ValueId id, const onnx::Node& reader,
                                           std::string_view op_type = {}) const;
  // `id` without the axis of size 1 that its producer, an Unsqueeze, adds there; kNoValue when it is something else.
  [[nodiscard]] onnx::ValueId without_axis(onnx::ValueId id, int64_t axis) const;
  [[nodiscard]] const TensorView* constant(onnx::ValueId id) const;
  // Whether the axis of `node` is the last of `of`.
  [[nodiscard]] bool is_last_axis(const onnx::Node& node, onnx::ValueId of) const;
  // -1 when it is not known.
  [[nodiscard]] int64_t rank(onnx::ValueId id) const;
  [[nodiscard]] int64_t last_size(onnx::ValueId id) const;

 private:
  struct Half {
    onnx::ValueId x = onnx::kNoValue;
    bool is_second = false;
    bool interleaved = false;
    friend bool operator==(const Half&, const Half&) = default;
  };
  struct Product {
    Half half;
    onnx::ValueId table = onnx::kNoValue;
    friend bool operator==(const Product&, const Product&) = default;
  };

  [[nodiscard]] std::optional<Rotation> of_whole(const onnx::Node& add) const;
  [[nodiscard]] std::optional<Rotation> of_halves(const onnx::Node& join) const;
  // What `node` joins, by one module call and for nobody else.
  [[nodiscard]] std::optional<Joined> joined(const onnx::Node& node) const;
  [[nodiscard]] std::optional<Half> half(onnx::ValueId id, const onnx::Node& reader) const;
  [[nodiscard]] std::vector<Product> products(const onnx::Node& sum) const;
  [[nodiscard]] bool is_flattened(onnx::ValueId pairs, onnx::ValueId flat) const;
  [[nodiscard]] std::optional<std::vector<int64_t>> ints(onnx::ValueId id) const;

  const onnx::Model& model_;
  Uses uses_;
};

}  // namespace modelexport::passes
