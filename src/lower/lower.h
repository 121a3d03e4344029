// Program -> onnx::Model: walks the calls in execution order and runs the op table's lowering for each.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "lower/builder.h"
#include "lower/context.h"
#include "lower/custom_op.h"
#include "program/program.h"
#include "support/error.h"
#include "support/in_bulk.h"

namespace modelexport::lower {

struct LowerOptions {
  int64_t opset = 20;
  bool fold_constants = true;
  bool export_params = true;              // false: weights become inputs of the model
  bool custom_ops_keep = false;           // unknown operators become nodes of their own domain
  Translations translations;              // users' own lowerings
  std::vector<std::string> input_names;   // of the tensor inputs, in order; empty: as captured
  std::vector<std::string> output_names;  // empty: Program::output_names
};

struct LowerReport {
  uint64_t regions = 0;  // calls that became one or more nodes
};

// One operator that could not be lowered.
struct UnsupportedOperator {
  std::string target;  // "aten::foo.bar"
  std::string why;     // empty: no row in the op table
  std::string module;  // path of the first module that calls it
  uint64_t count = 0;
};

// Lists every operator that has no lowering; raised once, after the whole program was looked at.
class UnsupportedOperators : public Error {
 public:
  explicit UnsupportedOperators(std::vector<UnsupportedOperator> operators);
  const std::vector<UnsupportedOperator> operators;
};

// The program must be functional already (lower/functionalize.h). Throws UnsupportedOperators.
[[nodiscard]] onnx::Model lower(const program::Program& program, const LowerOptions& options, LowerReport& report);

// The driver; lowerings see it through Context only.
class Lowerer {
 public:
  Lowerer(const program::Program& program, Builder& builder, const LowerOptions& options, LowerReport& report);

  void run();

  // ---- for Context ----
  V value(program::ValueId id);      // of a complex tensor: its real part
  V imaginary(program::ValueId id);  // of a complex tensor
  Size size_of(const program::Dim& dim);
  // A complex tensor takes two places in `inputs` and in the results: its real and its imaginary part.
  Values lower_body(uint32_t index, const Values& inputs);
  [[nodiscard]] const program::Program& program() const { return program_; }
  [[nodiscard]] onnx::Shape shape_of(const std::vector<program::Dim>& dims);

 private:
  // The values of one graph being lowered.
  struct Frame {
    const program::Graph* graph;
    Values values;                                                    // by program value id
    std::unordered_map<program::ValueId, V> imaginary;                // of complex tensors
    std::unordered_map<program::ExprId, Size> sizes;                  // runtime sizes by expression
    std::unordered_map<program::ExprId, std::pair<V, int64_t>> axes;  // where a size can be read
  };

  void bind_inputs(const program::Graph& graph);
  void bind_user_input(const program::Input& input, std::size_t position);
  void bind_weight(const program::Input& input);
  V weight(const program::Input& input, const std::string& name, const TensorView& data);
  void lower_nodes(const program::Graph& graph);
  void lower_node(const program::Graph& graph, const program::Node& node);
  Values call(const program::Graph& graph, const program::Node& node);
  Values stand_ins(const program::Graph& graph, const program::Node& node);
  void note_unsupported(const program::Node& node, const std::string& why);
  void define_results(const program::Graph& graph, const program::Node& node, Values results);
  V defined(const program::Value& recorded, V v, const std::string& suffix);
  void bind_outputs(const program::Graph& graph);
  V output_value(const program::Output& output);
  V own_output(V v);
  void bind(program::ValueId id, const Complex& value);
  void learn_sizes(const program::Value& recorded, V v);
  Size compute_size(program::ExprId expr);
  V compute_number(program::ExprId expr);
  [[nodiscard]] const std::string& printed(program::ExprId expr);

  const program::Program& program_;
  Builder& builder_;
  const LowerOptions& options_;
  LowerReport& report_;
  std::vector<Frame> frames_;
  std::unordered_map<program::ExprId, std::string> printed_;
  std::unordered_map<std::string, V> weights_;  // tied ones by where their bytes lie
  std::unordered_map<std::string, UnsupportedOperator> unsupported_;
  std::vector<std::string> unsupported_order_;
  InBulk<std::pmr::unordered_map<std::string, uint32_t>> used_names_;
};

}  // namespace modelexport::lower
