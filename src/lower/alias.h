// Which values of a graph name the same memory, and what that memory holds now.
//
// A *tensor* here is a base or one view of another tensor; several values may name it (`add_` returns its argument).
// Tensors form trees: a base, its views, their views. A write replaces the value of one tensor and nothing else is
// computed then: the tensors above it are brought up to date when they are read next, from below by the inverse of the
// view, and other views of them are then taken anew. So code that writes a view and goes on with that view pays
// nothing.
//
// A tensor is *dirty* when it was written, itself or through a view of it, since the tensor above it was last brought
// up to date. The dirty views of one tensor never overlap: they are pieces of one split, or there is only one.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lower/call_maker.h"
#include "program/program.h"

namespace modelexport::lower {

class AliasTracker {
 public:
  using TensorId = uint32_t;

  // Calls that bring tensors up to date are appended to `graph`.
  AliasTracker(program::Program& program, program::Graph& graph) : program_(program), graph_(graph) {}

  // The tensor that a value names; a value not seen before names a new base.
  TensorId tensor_of(program::ValueId value);
  // The value that holds the tensor's elements now.
  program::ValueId read(TensorId tensor);
  // The same by name; a value that names no known tensor holds its own elements.
  program::ValueId read_value(program::ValueId value);
  // `value` holds the tensor's elements from now on.
  void write(TensorId tensor, program::ValueId value, Origin origin);
  // `value` is another name of the tensor.
  void add_name(program::ValueId value, TensorId tensor) { names_[value] = tensor; }
  // The results of the call at graph.nodes[node], which reads the current value of `viewed`, are views of it.
  void add_views(std::size_t node, TensorId viewed);

  [[nodiscard]] bool is_base(TensorId tensor) const { return tensors_[tensor].call == kNone; }
  [[nodiscard]] TensorId base_of(TensorId tensor) const { return tensors_[tensor].base; }
  [[nodiscard]] bool has_views(TensorId base) const { return tensors_[base].is_viewed; }
  // The memory that `value` names was written.
  [[nodiscard]] bool was_written(program::ValueId value) const;

 private:
  static constexpr uint32_t kNone = 0xffffffffU;

  struct Tensor {
    program::ValueId value = program::kNoValue;
    uint32_t call = kNone;  // into calls_; none for a base
    TensorId base = 0;
    uint64_t version = 0;     // of a base: writes to it and its views so far
    uint64_t up_to_date = 0;  // the base's version for which `value` is known to hold
    bool dirty = false;
    bool is_viewed = false;
    std::vector<TensorId> dirty_views;
    Origin origin;  // of `value`, when it is not as captured
  };
  struct ViewCall {
    std::size_t node = 0;  // in graph_.nodes, as captured
    TensorId viewed = 0;
    program::ValueId taken_from = program::kNoValue;  // the value of `viewed` that the views' values come from
    std::vector<TensorId> views;
    Origin origin;
  };

  void bring_up_to_date(TensorId tensor);
  // Writes the dirty views of `tensor`, and theirs, back into it.
  void collect(TensorId tensor);
  void collect_views_of(TensorId tensor);
  void take_again(ViewCall& call);
  // Generated calls belong to the nearest module call that encloses both the view and the write: there both tensors
  // are at hand. In the module that wrote, when it also made the view; never in the one that happens to read next, of
  // which the changed tensor is an input.
  [[nodiscard]] Origin join(Origin a, Origin b) const;

  program::Program& program_;
  program::Graph& graph_;
  std::vector<Tensor> tensors_;
  std::vector<ViewCall> calls_;
  std::unordered_map<program::ValueId, TensorId> names_;
};

}  // namespace modelexport::lower
