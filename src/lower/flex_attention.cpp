#include "lower/flex_attention.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lower/call_maker.h"
#include "support/error.h"

namespace modelexport::lower {

namespace {

using program::Argument;
using program::Arguments;
using program::Dim;
using program::Graph;
using program::GraphRef;
using program::NamedArgument;
using program::Node;
using program::Value;
using program::ValueId;
using program::ValueRef;

constexpr std::string_view kTarget = "higher_order::flex_attention";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// flex_attention(query, key, value, score_mod, block_mask, scale, kernel_options, score_buffers, mask_buffers) with
// sizes (batch, heads, queries, channels) and (batch, key heads, keys, channels). What is computed is torch's
// definition of it for eager mode (torch/_higher_order_ops/flex_attention.py, math_attention); of the block mask only
// the function counts, its last item.
class FlexAttention {
 public:
  FlexAttention(program::Program& program, Graph& graph, const Node& node)
      : program_(program), graph_(graph), node_(node), origin_{node.scope, node.provenance} {
    if (node.args.size() < 9 || node.outputs.size() != 3 || list(4).empty()) {
      fail(node.target + " has other arguments than expected");
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (value(tensor(i)).sizes.size() != 4) fail(node.target + ": queries, keys and values must have four axes");
    }
    type_ = value(tensor(0)).dtype;
    working_type_ = type_ == DType::Float64 ? DType::Float64 : DType::Float32;
  }

  void write() {
    const ValueId query = cast(tensor(0), working_type_);
    const ValueId key = cast(for_each_head(tensor(1)), working_type_);
    Dims sizes(value(query).sizes.begin(), value(query).sizes.end() - 1);
    sizes.push_back(value(key).sizes.at(2));
    const ValueId scores = scale(product(query, transposed(key), sizes));
    const ValueId positions = masked(scores);
    add_statistics(positions);
    const ValueId weights = add("aten::_safe_softmax", {{"self", ref(positions)}, {"dim", {int64_t{-1}}}},
                                working_type_, value(positions).sizes);
    append_call_to(node_.outputs[0], "aten::matmul",
                   {{"self", ref(cast(weights, type_))}, {"other", ref(cast(for_each_head(tensor(2)), type_))}});
  }

 private:
  using Dims = std::vector<Dim>;

  [[nodiscard]] const Value& value(ValueId id) const { return graph_.values[id]; }

  [[nodiscard]] ValueId tensor(std::size_t index) const {
    const auto* reference = node_.args.at(index).value.as<ValueRef>();
    if (reference == nullptr) fail(node_.target + ": argument " + std::to_string(index) + " is no tensor");
    return reference->id;
  }

  [[nodiscard]] const Arguments& list(std::size_t index) const {
    const auto* items = node_.args.at(index).value.as<Arguments>();
    if (items == nullptr) fail(node_.target + ": argument " + std::to_string(index) + " is no tuple");
    return *items;
  }

  ValueId add(std::string target, std::vector<NamedArgument> given, DType dtype, Dims sizes) {
    return append_call(graph_, std::move(target), std::move(given), dense_tensor(dtype, std::move(sizes)), origin_);
  }

  // A call whose result the captured program knows already.
  void append_call_to(ValueId result, std::string target, std::vector<NamedArgument> given) {
    graph_.nodes.push_back(make_call(std::move(target), std::move(given), {result}, origin_));
  }

  ValueId cast(ValueId id, DType dtype) {
    if (value(id).dtype == dtype) return id;
    return add("aten::to.dtype", {{"self", ref(id)}, {"dtype", {dtype}}}, dtype, value(id).sizes);
  }

  // ---- scores ----

  // Of keys and values, which several heads of the queries may share.
  ValueId for_each_head(ValueId id) {
    const Dim heads = value(tensor(0)).sizes.at(1);
    Dims sizes = value(id).sizes;
    const int64_t shared_by = heads.value / std::max<int64_t>(sizes.at(1).value, 1);
    if (shared_by == 1) return id;
    sizes[1] = heads;
    return add("aten::repeat_interleave.self_int", {{"self", ref(id)}, {"repeats", {shared_by}}, {"dim", {int64_t{1}}}},
               value(id).dtype, std::move(sizes));
  }

  ValueId transposed(ValueId id) {
    Dims sizes = value(id).sizes;
    std::swap(sizes.at(2), sizes.at(3));
    return add("aten::transpose.int", {{"self", ref(id)}, {"dim0", {int64_t{-2}}}, {"dim1", {int64_t{-1}}}},
               value(id).dtype, std::move(sizes));
  }

  ValueId product(ValueId left, ValueId right, Dims sizes) {
    return add("aten::matmul", {{"self", ref(left)}, {"other", ref(right)}}, value(left).dtype, std::move(sizes));
  }

  ValueId scale(ValueId scores) {
    return add("aten::mul.Scalar", {{"self", ref(scores)}, {"other", node_.args[5].value}}, working_type_,
               value(scores).sizes);
  }

  // ---- the functions of (batch, head, query, key) ----

  // What score_mod makes of the scores, and minus infinity where mask_mod is false.
  ValueId masked(ValueId scores) {
    const Dims sizes = value(scores).sizes;
    const ValueId changed = apply(node_.args[3].value, scores, list(7), sizes);
    const ValueId mask = apply(list(4).back(), program::kNoValue, list(8), sizes);
    return add("aten::where.ScalarOther", {{"condition", ref(mask)}, {"self", ref(changed)}, {"other", {-kInfinity}}},
               working_type_, sizes);
  }

  // function([score,] batch, head, query, key, *buffers) at every place of the scores.
  ValueId apply(const Argument& function, ValueId scores, const Arguments& buffers, const Dims& sizes) {
    const auto* body = function.as<GraphRef>();
    if (body == nullptr) fail(node_.target + " has no sub-graph");
    if (scores != program::kNoValue && body->index < program_.graphs.size()) widen(*program_.graphs[body->index]);
    Node call;
    call.target = "higher_order::wrap";
    const auto give = [&](Argument argument) {
      call.args.push_back({std::to_string(call.args.size()), std::move(argument)});
    };
    give(function);
    if (scores != program::kNoValue) give(ref(example_of(scores)));
    for (int64_t level = 1; level <= 4; ++level) give(ref(batched(place(sizes.at(level - 1)), level)));
    for (const Argument& buffer : buffers) give(buffer);
    const DType dtype = scores == program::kNoValue ? DType::Bool : working_type_;
    graph_.values.push_back(dense_tensor(dtype, {}));
    call.outputs = {static_cast<ValueId>(graph_.values.size() - 1)};
    call.scope = origin_.scope;
    call.provenance = origin_.provenance;
    ValueId result = call.outputs.front();
    graph_.nodes.push_back(std::move(call));
    for (int64_t level = 4; level >= 1; --level) result = whole(result, level, sizes.at(level - 1));
    return result;
  }

  // The function was captured with a score of the queries' type; what it makes of the score has the scores' type.
  void widen(Graph& body) const {
    std::vector<bool> is_score(body.values.size(), false);
    const auto mark = [&](ValueId id) {
      if (body.values[id].dtype != type_) return;
      is_score[id] = true;
      body.values[id].dtype = working_type_;
    };
    if (body.inputs.empty() || body.inputs.front().value == program::kNoValue) return;
    mark(body.inputs.front().value);
    for (const Node& node : body.nodes) {
      bool reads_score = false;
      for (const NamedArgument& argument : node.args) {
        for_each_reference(argument.value, [&](ValueId id) { reads_score = reads_score || is_score[id]; });
      }
      const Argument* dtype = node.find("dtype");
      if (reads_score && (dtype == nullptr || dtype->is_none())) std::ranges::for_each(node.outputs, mark);
    }
  }

  // 0, 1, 2, ... for every place along an axis, of the type that the function was captured with.
  ValueId place(Dim size) {
    return add("aten::arange", {{"end", extent(size)}, {"dtype", {DType::Int32}}}, DType::Int32, {size});
  }

  Argument extent(Dim size) {
    if (size.is_static()) return {size.value};
    for (std::size_t input = 0; input < 2; ++input) {
      const Dims& sizes = value(tensor(input)).sizes;
      const auto axis = std::ranges::find(sizes, size);
      if (axis == sizes.end()) continue;
      Value number;
      number.kind = program::Kind::SymInt;
      number.scalar = size;
      const int64_t dim = axis - sizes.begin();
      return ref(append_call(graph_, "aten::sym_size.int", {{"self", ref(tensor(input))}, {"dim", {dim}}},
                             std::move(number), origin_));
    }
    fail(node_.target + ": a size of the scores is not a size of the queries or keys");
  }

  ValueId example_of(ValueId id) {
    for (int64_t level = 1; level <= 4; ++level) id = batched(id, level);
    return id;
  }

  ValueId batched(ValueId id, int64_t level) {
    Dims sizes(value(id).sizes.begin() + 1, value(id).sizes.end());
    return add("torch::_functorch.predispatch._add_batch_dim", {{"a", ref(id)}, {"b", {int64_t{0}}}, {"c", {level}}},
               value(id).dtype, std::move(sizes));
  }

  ValueId whole(ValueId id, int64_t level, Dim size) {
    Dims sizes = value(id).sizes;
    sizes.insert(sizes.begin(), size);
    return add("torch::_functorch.predispatch._remove_batch_dim",
               {{"a", ref(id)}, {"b", {level}}, {"c", extent(size)}, {"d", {int64_t{0}}}}, value(id).dtype,
               std::move(sizes));
  }

  // ---- the other results ----

  // The logarithm of the sum and the maximum of each row, to base 2.
  void add_statistics(ValueId scores) {
    const Dims rows = value(node_.outputs[1]).sizes;
    const std::vector<NamedArgument> along = {{"self", ref(scores)}, {"dim", {int64_t{-1}}}};
    const ValueId sum = add("aten::logsumexp", {along[0], {"dim", {int_list({-1})}}}, working_type_, rows);
    const ValueId hidden =
        add("aten::eq.Scalar", {along[0], {"other", {-kInfinity}}}, DType::Bool, value(scores).sizes);
    const ValueId empty = add("aten::all.dim", {{"self", ref(hidden)}, along[1]}, DType::Bool, rows);
    const ValueId logarithm =
        add("aten::masked_fill.Scalar", {{"self", ref(sum)}, {"mask", ref(empty)}, {"value", {-kInfinity}}},
            working_type_, rows);
    const ValueId largest = add("aten::amax", {along[0], {"dim", {int_list({-1})}}}, working_type_, rows);
    append_call_to(node_.outputs[1], "aten::div.Scalar", {{"self", ref(logarithm)}, {"other", {std::numbers::ln2}}});
    append_call_to(node_.outputs[2], "aten::div.Scalar", {{"self", ref(largest)}, {"other", {std::numbers::ln2}}});
  }

  program::Program& program_;
  Graph& graph_;
  const Node& node_;
  Origin origin_;
  DType type_ = DType::Undefined;
  DType working_type_ = DType::Float32;
};

}  // namespace

void write_out_flex_attention(program::Program& program) {
  for (const auto& graph : program.graphs) {
    if (std::ranges::find(graph->nodes, kTarget, &Node::target) == graph->nodes.end()) continue;
    for (Node& node : std::exchange(graph->nodes, {})) {
      if (node.target == kTarget) {
        with_context(node.target, [&] { FlexAttention(program, *graph, node).write(); });
      } else {
        graph->nodes.push_back(std::move(node));
      }
    }
  }
}

}  // namespace modelexport::lower
