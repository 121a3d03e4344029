// What a lowering sees of the call it lowers: arguments by schema name, typed; what torch recorded of its tensors;
// and the builder.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lower/builder.h"
#include "program/program.h"

namespace modelexport::lower {

class Lowerer;  // the driver (lower.cpp)

// A complex tensor: its real and its imaginary part, of the same sizes. An empty imaginary part is zero.
struct Complex {
  V re;
  V im;
};

// What a lowering that was written for real tensors sees of the complex numbers among its arguments.
enum class Part : uint8_t { Real, Imaginary, Zero, Magnitude };

// A part for one argument, or for one item of a list argument.
struct SeenArgument {
  std::string_view name;
  Part part;
  int64_t item = -1;
};

class Context {
 public:
  Context(Lowerer& lowerer, Builder& builder, const program::Graph& graph, const program::Node& node)
      : b(builder), node(node), lowerer_(lowerer), graph_(graph) {}
  // The same call, of whose numbers only one part is seen: a real number has the imaginary part 0. What selects
  // (indices, masks, conditions) is seen as it is. `exceptions` are arguments seen otherwise.
  [[nodiscard]] Context seeing(Part part, std::vector<SeenArgument> exceptions = {}) const;

  Builder& b;
  const program::Node& node;

  // ---- arguments by schema name; a missing or differently typed one is an Error naming it ----
  [[nodiscard]] bool has(std::string_view name) const;  // given and not None
  // A tensor. A Python number in a tensor's place becomes a rank-0 constant of its default type.
  V tensor(std::string_view name);
  V optional_tensor(std::string_view name);  // empty when None
  Values tensors(std::string_view name);     // Tensor[]; None entries are empty
  int64_t integer(std::string_view name);
  int64_t integer_or(std::string_view name, int64_t otherwise);  // for None
  double number(std::string_view name);                          // int, float or bool
  double number_or(std::string_view name, double otherwise);
  bool flag(std::string_view name);
  std::string text(std::string_view name);
  std::string text_or(std::string_view name, std::string otherwise);
  std::vector<int64_t> ints(std::string_view name);  // empty for None; one int is a list of one
  std::vector<double> numbers(std::string_view name);
  std::optional<DType> dtype_arg(std::string_view name);
  Size size(std::string_view name);    // int or SymInt
  Sizes sizes(std::string_view name);  // int[] or SymInt[]
  // A Scalar (number or symbolic number) as a rank-0 tensor of `dtype`.
  V scalar(std::string_view name, DType dtype);
  // A tensor or number of any type as a complex one; parts have type `dtype`.
  Complex complex(std::string_view name, DType dtype);
  // Whether the argument is, or lists, a complex tensor or number.
  [[nodiscard]] bool has_complex(std::string_view name) const;
  // True when the argument is a Python number or symbolic number rather than a tensor.
  [[nodiscard]] bool is_number(std::string_view name) const;
  uint32_t graph_index(std::string_view name);  // of a sub-graph argument
  // An int list with `n` entries, a single entry repeated (kernel_size=3).
  std::vector<int64_t> ints_n(std::string_view name, std::size_t n);

  // ---- what torch recorded ----
  [[nodiscard]] const program::Value& info(std::string_view name) const;  // of a tensor argument
  [[nodiscard]] DType dtype(std::string_view name) const;                 // of a complex tensor: that of its parts
  [[nodiscard]] int64_t rank(std::string_view name) const;
  Sizes shape(std::string_view name);  // symbolic sizes as runtime values
  // Static sizes of a tensor argument, or nothing when some are symbolic.
  [[nodiscard]] std::optional<std::vector<int64_t>> static_shape(std::string_view name) const;
  // An axis argument, made non-negative with the rank of tensor `of` (or the given rank).
  int64_t axis(std::string_view name, std::string_view of);
  int64_t axis(std::string_view name, int64_t rank);
  std::vector<int64_t> axes(std::string_view name, std::string_view of);  // none given: empty

  [[nodiscard]] std::size_t n_outputs() const { return node.outputs.size(); }
  [[nodiscard]] const program::Value& out(std::size_t i = 0) const;
  [[nodiscard]] DType out_dtype(std::size_t i = 0) const { return part_type(out(i).dtype); }
  [[nodiscard]] int64_t out_rank(std::size_t i = 0) const { return static_cast<int64_t>(out(i).sizes.size()); }
  Sizes out_sizes(std::size_t i = 0);

  // The type torch computes in (torch.result_type) over these arguments, tensors or numbers.
  [[nodiscard]] DType common_dtype(std::initializer_list<std::string_view> names) const;
  // A tensor or number argument as a tensor of `dtype`.
  V operand(std::string_view name, DType dtype);

  // A recorded size as a number or runtime value.
  Size size_of(const program::Dim& dim);
  Sizes sizes_of(const std::vector<program::Dim>& dims);
  // Lowers sub-graph `index` into a body. The body's ONNX inputs are made by the caller and passed as `inputs`;
  // returns the values of its outputs (tensors; symbolic ints as int64[1]). Call between enter_graph/leave_graph.
  Values lower_body(uint32_t index, const Values& inputs);
  [[nodiscard]] const program::Graph& subgraph(uint32_t index) const;
  // The recorded value behind any argument that is a reference (tensor or symbolic number).
  [[nodiscard]] const program::Value& recorded(const program::Argument& argument) const;
  V value_of(const program::Argument& argument);      // tensor as it is; number or symbolic number as a rank-0 tensor
  V imaginary_of(const program::Argument& argument);  // of a complex tensor, whose value_of is its real part
  // Refuses a combination of arguments that has no ONNX form, as an unsupported operator with `why`.
  [[noreturn]] void unsupported(const std::string& why) const;

 private:
  [[nodiscard]] const program::Argument& arg(std::string_view name) const;
  [[nodiscard]] std::optional<Part> part_of(std::string_view name, int64_t item = -1) const;
  V part_of_value(const program::Argument& argument, Part part);
  V part_as(const program::Argument& argument, Part part, DType dtype);
  V as_type(const program::Argument& argument, DType dtype);

  Lowerer& lowerer_;
  const program::Graph& graph_;
  std::optional<Part> part_;
  std::vector<SeenArgument> exceptions_;
};

}  // namespace modelexport::lower
