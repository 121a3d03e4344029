// The only way to make an ONNX node: it stamps the scope and the ATen call being lowered, infers types, folds
// constants and leaves out what would do nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"
#include "support/tensor_view.h"

namespace modelexport::lower {

// A value of the ONNX model under construction; empty stands for an omitted optional input.
struct V {
  onnx::ValueId id = onnx::kNoValue;

  explicit operator bool() const { return id != onnx::kNoValue; }
  friend bool operator==(V, V) = default;
};
using Values = std::vector<V>;

// A size: a number, or a runtime value (an int64 tensor of shape [1]).
struct Size {
  Size(int64_t number) : value(number) {}  // NOLINT(google-explicit-constructor): a number is a size
  explicit Size(V runtime_value, std::string dim_param = "") : runtime(runtime_value), param(std::move(dim_param)) {}

  int64_t value = -1;
  V runtime;
  std::string param;  // the recorded expression behind a runtime value, when there is one: "2*batch"

  [[nodiscard]] bool is_static() const { return !runtime; }
  // Known to be the same for every input.
  friend bool operator==(const Size& a, const Size& b) {
    if (a.is_static() || b.is_static()) return a.is_static() && b.is_static() && a.value == b.value;
    return a.runtime == b.runtime || (!a.param.empty() && a.param == b.param);
  }
};
using Sizes = std::vector<Size>;
// The numbers, or nothing when some size is known at run time only.
[[nodiscard]] std::optional<std::vector<int64_t>> static_sizes(const Sizes& sizes);

// An attribute, written {"axis", 1} in a lowering.
struct Attr {
  Attr(const char* n, int v) : name(n), value(static_cast<int64_t>(v)) {}
  Attr(const char* n, int64_t v) : name(n), value(v) {}
  Attr(const char* n, bool v) : name(n), value(static_cast<int64_t>(v)) {}
  Attr(const char* n, double v) : name(n), value(static_cast<float>(v)) {}
  Attr(const char* n, DType v) : name(n), value(static_cast<int64_t>(v)) {}
  Attr(const char* n, const char* v) : name(n), value(std::string(v)) {}
  Attr(const char* n, std::string v) : name(n), value(std::move(v)) {}
  Attr(const char* n, std::vector<int64_t> v) : name(n), value(std::move(v)) {}
  Attr(const char* n, std::vector<float> v) : name(n), value(std::move(v)) {}
  Attr(const char* n, std::vector<std::string> v) : name(n), value(std::move(v)) {}
  Attr(const char* n, std::shared_ptr<onnx::Graph> v) : name(n), value(std::move(v)) {}
  Attr(const char* n, TensorView v) : name(n), value(std::move(v)) {}
  Attr(const char* n, onnx::AttributeValue v) : name(n), value(std::move(v)) {}

  const char* name;
  onnx::AttributeValue value;
};
using Attrs = std::vector<Attr>;

// What every node made now is stamped with.
struct Stamp {
  ScopeId scope = kRootScope;
  Provenance provenance = Provenance::Exact;
  std::string origin;  // "aten.linear.default"
};

class Builder {
 public:
  // `fold`: evaluate nodes whose inputs are all small constants (do_constant_folding).
  Builder(onnx::Model& model, int64_t opset, bool fold);

  [[nodiscard]] int64_t opset() const { return opset_; }
  void set_stamp(Stamp stamp) { stamp_ = std::move(stamp); }
  [[nodiscard]] const Stamp& stamp() const { return stamp_; }

  // ---- nodes ----
  // Emits one node (or a constant, when it can be folded) with one or several outputs. Trailing empty inputs are
  // dropped. Types onnxruntime has no kernel for are cast around (kernel_gaps.*).
  V op(std::string_view op_type, Values inputs, const Attrs& attrs = {});
  Values ops(std::string_view op_type, Values inputs, std::size_t n_outputs, const Attrs& attrs = {});
  // A node of another domain: emitted as it is, its results of unknown type.
  Values custom(const std::string& domain, std::string_view op_type, Values inputs, std::size_t n_outputs,
                const Attrs& attrs);
  // The graph of another model with `inputs` in place of its own; its outputs. Its constants become ours.
  Values splice(const onnx::Model& other, const Values& inputs);

  // ---- constants: initializers, identical ones shared ----
  V constant(TensorView tensor);
  V ints(const std::vector<int64_t>& values);               // shape [n]
  V scalar(double value, DType dtype);                      // shape []
  V scalar_int(int64_t value, DType dtype = DType::Int64);  // shape []; exact beyond 2^53
  V full(double value, DType dtype, const std::vector<int64_t>& sizes);

  // ---- what is known of a value ----
  [[nodiscard]] const onnx::Value& value(V v) const { return model_.values[v.id]; }
  [[nodiscard]] DType dtype(V v) const { return value(v).dtype; }
  [[nodiscard]] std::optional<int64_t> rank(V v) const;
  // Its data when it is a constant that may be looked at (never a parameter of the model), else null.
  [[nodiscard]] const TensorView* constant_of(V v) const;
  [[nodiscard]] std::optional<std::vector<int64_t>> const_ints(V v) const;
  // Its initializer (parameters included), else null.
  [[nodiscard]] const onnx::Initializer* initializer_of(V v) const;

  // ---- building blocks: each picks the opset's form and returns its input when there is nothing to do ----
  V cast(V x, DType dtype);
  V reshape(V x, const Sizes& sizes);  // one entry may be -1; 0 is a size of zero
  V reshape_to(V x, V shape);          // `shape` as ONNX Reshape reads it, with allowzero=0
  V transpose(V x, const std::vector<int64_t>& perm);
  V unsqueeze(V x, const std::vector<int64_t>& axes);  // axes refer to the result
  V squeeze(V x, const std::vector<int64_t>& axes);
  V expand(V x, const Sizes& sizes);  // to exactly these sizes
  V slice(V x, int64_t axis, const Size& start, const Size& end, int64_t step = 1);
  V gather(V x, V indices, int64_t axis);
  V concat(const Values& parts, int64_t axis);
  Values split(V x, const std::vector<int64_t>& sizes, int64_t axis);
  V where(V condition, V a, V b);
  // ReduceSum, ReduceMean, ReduceMax, ...; no axes: all of them.
  V reduce(std::string_view op_type, V x, const std::vector<int64_t>& axes, bool keepdims);
  V clip(V x, V min, V max);  // either may be empty

  V add(V a, V b) { return op("Add", {a, b}); }
  V sub(V a, V b) { return op("Sub", {a, b}); }
  V mul(V a, V b) { return op("Mul", {a, b}); }
  V div(V a, V b) { return op("Div", {a, b}); }

  // ---- sizes ----
  V shape_of(V x);                                            // int64[rank]
  Size size_of(V x, int64_t axis);                            // a number when known
  Sizes sizes_of(V x);                                        // rank must be known
  V shape_tensor(const Sizes& sizes);                         // int64[n]
  V as_scalar(const Size& size, DType dtype = DType::Int64);  // shape []
  V as_vector(const Size& size);                              // int64[1]
  // Arithmetic that stays a number when both sides are.
  Size size_add(const Size& a, const Size& b);
  Size size_sub(const Size& a, const Size& b);
  Size size_mul(const Size& a, const Size& b);
  Size size_floordiv(const Size& a, const Size& b);
  Size size_min(const Size& a, const Size& b);
  Size size_max(const Size& a, const Size& b);

  // ---- graphs ----
  // Nodes made between enter and leave go into a body for If, Loop or Scan. Outer values may be used inside.
  void enter_graph(std::string name);
  V graph_input(const std::string& name, DType dtype, std::optional<onnx::Shape> shape);
  std::shared_ptr<onnx::Graph> leave_graph(const Values& outputs);

  // Records what torch said of a value's type where that is more than what was inferred.
  void refine(V v, DType dtype, std::optional<onnx::Shape> shape);
  V add_initializer(const std::string& name, TensorView data, bool is_parameter);
  onnx::Model& model() { return model_; }
  [[nodiscard]] bool folds() const { return fold_; }
  onnx::Graph& graph() { return *graphs_.back(); }

 private:
  void import_domain(const std::string& domain, int64_t version);
  Values emit(onnx::Node node, std::size_t n_outputs);
  std::optional<Values> folded(const onnx::Node& node);
  [[nodiscard]] bool is_zero_free(V x, const Sizes& sizes) const;

  onnx::Model& model_;
  int64_t opset_;
  bool fold_;
  Stamp stamp_;
  std::vector<std::shared_ptr<onnx::Graph>> bodies_;
  std::vector<onnx::Graph*> graphs_;
  std::unordered_map<std::string, onnx::ValueId> shared_constants_;
  // Sizes already read, by value, axis and scope: one Shape node serves a whole module call.
  std::map<std::tuple<onnx::ValueId, int64_t, ScopeId, const onnx::Graph*>, V> known_sizes_;
};

}  // namespace modelexport::lower
