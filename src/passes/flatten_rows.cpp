// Linear layers on (batch, positions, features), and what is computed row by row between them, work on matrices.
//
// Runtimes multiply matrices: onnxruntime puts a Reshape before and one behind each linear layer of more axes. When the
// values between the layers are matrices too, two Reshapes around a whole region do, and those that only rearrange rows
// go. onnxruntime also has a fused sum and normalisation of three axes that is several times slower than the two apart,
// which a matrix is not subject to.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "onnx/evaluate.h"
#include "passes/pass.h"
#include "passes/row_wise.h"
#include "passes/shared_ints.h"
#include "passes/uses.h"

namespace modelexport::passes {

namespace {

using onnx::kNoValue;
using onnx::Node;
using onnx::Shape;
using onnx::ValueId;

// Values that become matrices together, and whether that pays in nodes.
struct Region {
  bool has_linear = false;
  int64_t balance = 0;  // nodes saved
};

class RowFlattener {
 public:
  RowFlattener(onnx::Model& model, const PassContext& context)
      : model_(model),
        context_(context),
        uses_(model),
        readers_(model),
        parent_(model.values.size()),
        row_reads_(model.values.size()),
        regions_(model.values.size()) {
    std::iota(parent_.begin(), parent_.end(), ValueId{0});
  }

  bool run() {
    auto& nodes = model_.graph.nodes;
    for (Node& node : nodes) {
      kinds_.push_back(row_wise(model_, node));
      if (kinds_.back()) unite(node, *kinds_.back());
    }
    for (ValueId id = 0; id < row_reads_.size(); ++id) {
      if (row_reads_[id] > 0 && uses_.producer[id].node == nullptr) --regions_[root(id)].balance;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) weigh(nodes[i], kinds_[i]);
    bool changed = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const bool flat = kinds_[i] && pays(nodes[i].outputs[0]);
      changed = flat || changed;
      flat ? flatten(nodes[i], *kinds_[i]) : keep(nodes[i]);
    }
    nodes = std::move(made_);
    return changed;
  }

 private:
  ValueId root(ValueId id) {
    while (parent_[id] != id) id = parent_[id] = parent_[parent_[id]];
    return id;
  }

  void unite(const Node& node, const RowWise& kind) {
    const ValueId out = root(node.outputs[0]);
    for (const std::size_t i : kind.inputs) parent_[root(node.inputs[i])] = out;
    for (const std::size_t i : kind.inputs) ++row_reads_[node.inputs[i]];
  }

  bool pays(ValueId id) {
    const Region& region = regions_[root(id)];
    return region.balance >= (region.has_linear ? 0 : 1);
  }

  // A Reshape to a shape that does not depend on the one it reads.
  [[nodiscard]] bool is_free_reshape(const Node& node) const {
    if (!is(node, "Reshape") || !node.attributes.empty()) return false;
    const onnx::Initializer* shape = model_.initializer_of(node.inputs[1]);
    const auto sizes = shape == nullptr ? std::nullopt : onnx::read_ints(shape->data);
    return sizes && std::find(sizes->begin(), sizes->end(), 0) == sizes->end();
  }

  // Whether something reads the value as it is: a Reshape behind a region can as well read the matrix.
  bool is_wanted_whole(ValueId id) {
    std::size_t others = uses_.count[id] - row_reads_[id];
    for (const Node* reader : readers_.of[id]) {
      if (others > 0 && !reads_rows(*reader) && is_free_reshape(*reader)) --others;
    }
    return others > 0;
  }

  // Nodes of bodies are not looked at, and read values as they are.
  bool reads_rows(const Node& node) {
    const auto& nodes = model_.graph.nodes;
    const bool is_here = !nodes.empty() && &node >= nodes.data() && &node < nodes.data() + nodes.size();
    return is_here && kinds_[static_cast<std::size_t>(&node - nodes.data())].has_value();
  }

  [[nodiscard]] bool has_bias(const Node& node) const {
    if (!is(node, "MatMul") || uses_.count[node.outputs[0]] != 1) return false;
    const auto& readers = readers_.of[node.outputs[0]];
    if (readers.empty() || !is(*readers.front(), "Add")) return false;
    const auto& sum = readers.front()->inputs;
    const auto& bias = model_.values[sum[sum[0] == node.outputs[0] ? 1 : 0]].shape;
    return bias && bias->size() == 1 && model_.initializer_of(node.inputs[1]) != nullptr;
  }

  // Whether `whole`, reshaped, is the matrix of its rows.
  [[nodiscard]] bool is_matrix_of(ValueId id, ValueId whole) const {
    const auto& shape = model_.values[id].shape;
    return shape && *shape == rows_shape(*model_.values[whole].shape);
  }

  // The Reshapes that make the matrix of a value, as some programs do before their linear layers.
  [[nodiscard]] int64_t matrices_made(ValueId whole) const {
    const auto& readers = readers_.of[whole];
    return std::count_if(readers.begin(), readers.end(), [&](const Node* reader) {
      return is_free_reshape(*reader) && is_matrix_of(reader->outputs[0], whole);
    });
  }

  // What flattening `node` saves, and costs, in its region.
  void weigh(const Node& node, const std::optional<RowWise>& kind) {
    for (const ValueId out : node.outputs) {
      if (out == kNoValue) continue;
      Region& region = regions_[root(out)];
      if (kind) {
        region.has_linear = region.has_linear || is(node, "MatMul");
        // The layer's bias goes into its product.
        region.balance += has_bias(node) ? 1 : 0;
        region.balance += (kind->only_moves ? 1 : 0) + matrices_made(out);
        region.balance -= is_wanted_whole(out) ? 1 : 0;
      } else if (row_reads_[out] > 0) {
        // A Reshape that only the region reads gives the matrix right away.
        const bool merges = is_free_reshape(node) && uses_.count[out] == row_reads_[out];
        region.balance -= merges ? 0 : 1;
        if (merges && is_matrix_of(node.inputs[0], out)) ++region.balance;
      }
    }
  }

  void flatten(Node& node, const RowWise& kind) {
    for (const std::size_t i : kind.inputs) node.inputs[i] = rows_of(node.inputs[i], node);
    const ValueId whole = node.outputs[0];
    const bool wanted = is_wanted_whole(whole);
    if (kind.only_moves) {
      rows_[whole] = node.inputs[0];
      if (wanted) made_.push_back(reshape(node.inputs[0], *model_.values[whole].shape, whole, node));
      return;
    }
    const ValueId rows = add_matrix(whole);
    node.outputs[0] = rows_[whole] = rows;
    for (onnx::Attribute& attribute : node.attributes) {
      if (attribute.name == "axis") attribute.value = int64_t{-1};
    }
    made_.push_back(std::move(node));
    if (wanted) {
      const Node behind = reshape(rows, *model_.values[whole].shape, whole, made_.back());
      made_.push_back(behind);
    }
  }

  void keep(Node& node) {
    if (is_free_reshape(node)) {
      const auto found = rows_.find(node.inputs[0]);
      if (found != rows_.end() && !entries_.contains(found->second)) node.inputs[0] = found->second;
    }
    made_.push_back(std::move(node));
  }

  // The matrix for `id`, made by a Reshape where the region begins.
  ValueId rows_of(ValueId id, const Node& user) {
    if (const auto found = rows_.find(id); found != rows_.end()) {
      const auto entry = entries_.find(found->second);
      if (entry != entries_.end()) share(made_[entry->second], user, context_);
      return found->second;
    }
    const ValueId rows = add_matrix(id);
    rows_[id] = rows;
    entries_[rows] = made_.size();
    made_.push_back(reshape(id, *model_.values[rows].shape, rows, user));
    return rows;
  }

  ValueId add_matrix(ValueId id) {
    onnx::Value value;
    value.dtype = model_.values[id].dtype;
    value.shape = rows_shape(*model_.values[id].shape);
    return model_.add_value(std::move(value));
  }

  // Stamped as `user`, which needs it.
  Node reshape(ValueId from, const Shape& shape, ValueId to, const Node& user) {
    Node node = node_like(user, "Reshape", {from, sizes(shape)});
    node.outputs = {to};
    return node;
  }

  ValueId sizes(const Shape& shape) {
    std::vector<int64_t> numbers;
    for (const onnx::Dim& dim : shape) numbers.push_back(dim.value);
    return ints_(numbers);
  }

  onnx::Model& model_;
  const PassContext& context_;
  const Uses uses_;
  const Readers readers_;
  std::vector<ValueId> parent_;                // of a value, in its region
  std::vector<uint32_t> row_reads_;            // reads of a value by nodes that work row by row
  std::vector<Region> regions_;                // by root
  std::vector<std::optional<RowWise>> kinds_;  // of each node
  std::vector<Node> made_;
  std::unordered_map<ValueId, ValueId> rows_;         // the matrix of a value
  std::unordered_map<ValueId, std::size_t> entries_;  // where the Reshape is that makes a matrix for a region
  SharedInts ints_{model_};
};

}  // namespace

bool flatten_rows(onnx::Model& model, const PassContext& context) { return RowFlattener(model, context).run(); }

}  // namespace modelexport::passes
