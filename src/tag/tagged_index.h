// What carrying looks up in the tagged model: nodes and tensors by name, who reads what, and which nodes compute the
// same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"
#include "tag/flow.h"

namespace modelexport::tag {

class TaggedIndex {
 public:
  explicit TaggedIndex(onnx::Model& model);

  [[nodiscard]] const onnx::Node& node(uint32_t index) const { return *flow_.nodes[index]; }
  [[nodiscard]] std::size_t node_count() const { return flow_.nodes.size(); }
  // kNoNode, kNoValue when there is none.
  [[nodiscard]] uint32_t producer(onnx::ValueId value) const { return flow_.producer[value]; }
  [[nodiscard]] uint32_t node_named(std::string_view name) const;
  [[nodiscard]] onnx::ValueId tensor_named(std::string_view name) const;
  // The longest name of a tensor with which `name` begins, up to a '_' or '/'.
  [[nodiscard]] onnx::ValueId tensor_at_start_of(std::string_view name) const;
  [[nodiscard]] const std::vector<uint32_t>& readers(onnx::ValueId value) const;
  // False for what an optimiser may have folded away.
  [[nodiscard]] bool depends_on_input(onnx::ValueId value) const { return depends_on_input_[value]; }
  // Values that are computed the same way from the same have the same representative, one of them.
  [[nodiscard]] onnx::ValueId representative(onnx::ValueId value) const { return representative_[value]; }
  // The nodes that compute the same as this one, itself included; empty when it is the only one.
  [[nodiscard]] const std::vector<uint32_t>& equals(uint32_t node) const;

 private:
  void index_names(const onnx::Model& model);
  void mark_input_dependent();
  void number_values();

  Flow flow_;
  std::unordered_map<std::string_view, uint32_t> nodes_by_name_;
  std::unordered_map<std::string_view, onnx::ValueId> tensors_by_name_;
  std::unordered_map<onnx::ValueId, std::vector<uint32_t>> readers_;
  std::vector<bool> depends_on_input_;
  std::vector<onnx::ValueId> representative_;
  std::unordered_map<onnx::ValueId, std::vector<uint32_t>> equals_;  // by the representative of the first output
};

}  // namespace modelexport::tag
