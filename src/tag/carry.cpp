#include "tag/carry.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tag/flow.h"
#include "tag/role.h"

namespace modelexport::tag {
namespace {

constexpr std::size_t kMaxRegion = 1000;

class Carrier {
 public:
  Carrier(onnx::Model& tagged, const ModuleTree& modules, onnx::Model& optimised)
      : before_(tagged),
        after_(optimised),
        before_flow_(tagged),
        after_flow_(optimised),
        modules_(modules),
        known_(after_flow_.nodes.size()),
        same_value_(optimised.values.size(), onnx::kNoValue),
        is_kept_(tagged.values.size()),
        depends_on_input_(tagged.values.size()),
        seen_(before_flow_.nodes.size()) {}

  Carried run() {
    index_before();
    match_values();
    for (std::size_t i = 0; i < after_flow_.nodes.size(); ++i) known_[i] = place(*after_flow_.nodes[i]);
    counts_.inherited = inherit_scopes(after_flow_, modules_, known_);
    counts_.fallback = fall_back(after_flow_, known_);
    return {modules_, counts_};
  }

 private:
  // ---- what the tagged model has ----
  void index_before() {
    for (std::size_t i = 0; i < before_flow_.nodes.size(); ++i) {
      const onnx::Node& node = *before_flow_.nodes[i];
      by_name_.emplace(node.name, static_cast<uint32_t>(i));
      for (const onnx::ValueId input : node.inputs) {
        if (input != onnx::kNoValue) readers_[input].push_back(static_cast<uint32_t>(i));
      }
    }
    mark_input_dependent();
  }

  // What depends on an input of the model cannot have been folded away.
  void mark_input_dependent() {
    for (onnx::ValueId value = 0; value < before_.values.size(); ++value) {
      depends_on_input_[value] = before_flow_.producer[value] == kNoNode && before_flow_.weight[value] == nullptr;
    }
    for (const onnx::Node* node : before_flow_.nodes) {
      const bool depends = has_body(*node) || std::any_of(node->inputs.begin(), node->inputs.end(), [&](auto input) {
                             return input != onnx::kNoValue && depends_on_input_[input];
                           });
      for (const onnx::ValueId output : node->outputs) {
        if (output != onnx::kNoValue) depends_on_input_[output] = depends;
      }
    }
  }
  static bool has_body(const onnx::Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(), [](const onnx::Attribute& attribute) {
      return std::holds_alternative<std::shared_ptr<onnx::Graph>>(attribute.value);
    });
  }

  // Tensors of the same name are the same tensor. A name that is only mentioned (value_info) counts for nothing.
  void match_values() {
    std::unordered_map<std::string_view, onnx::ValueId> by_name;
    for (onnx::ValueId value = 0; value < before_.values.size(); ++value) {
      if (!before_.values[value].name.empty()) by_name.emplace(before_.values[value].name, value);
    }
    const std::vector<bool> exists_after = existing_values();
    for (onnx::ValueId value = 0; value < after_.values.size(); ++value) {
      const auto found = by_name.find(after_.values[value].name);
      if (found == by_name.end() || !exists_after[value]) continue;
      same_value_[value] = found->second;
      is_kept_[found->second] = true;
    }
  }

  std::vector<bool> existing_values() const {
    std::vector<bool> exists(after_.values.size());
    for (onnx::ValueId value = 0; value < exists.size(); ++value) {
      exists[value] = after_flow_.producer[value] != kNoNode || after_flow_.weight[value] != nullptr;
    }
    for (const onnx::ValueId input : after_.graph.inputs) exists[input] = true;
    return exists;
  }

  // ---- one node ----
  bool place(onnx::Node& node) { return by_tensor(node) || by_name(node) || by_structure(node); }

  bool by_tensor(onnx::Node& node) {
    const std::vector<uint32_t> region = region_of(node);
    if (region.empty()) return false;
    // Its own last node by name and type: what comes before has lost its name, and is not part of it.
    const onnx::Node& last = *before_flow_.nodes[region.front()];
    if (region.size() == 1 || (last.name == node.name && last.op_type == node.op_type)) {
      copy(node, *before_flow_.nodes[region.front()]);
      ++counts_.by_tensor;
    } else {
      merge(node, region);
      ++counts_.merged;
    }
    return true;
  }

  // The nodes of the tagged model between the tensors that the optimised one kept and those that `node` computes.
  std::vector<uint32_t> region_of(const onnx::Node& node) {
    std::vector<uint32_t> region;
    std::vector<onnx::ValueId> open;
    ++round_;
    for (const onnx::ValueId output : node.outputs) {
      if (output != onnx::kNoValue && same_value_[output] != onnx::kNoValue) open.push_back(same_value_[output]);
    }
    while (!open.empty()) {
      const uint32_t producer = before_flow_.producer[open.back()];
      open.pop_back();
      if (producer == kNoNode || std::exchange(seen_[producer], round_) == round_) continue;
      // No fused node is that large: the tensors between have lost their names.
      if (region.size() == kMaxRegion) return {};
      region.push_back(producer);
      for (const onnx::ValueId input : before_flow_.nodes[producer]->inputs) {
        if (input != onnx::kNoValue && !is_kept_[input] && depends_on_input_[input]) open.push_back(input);
      }
    }
    return region;
  }

  void merge(onnx::Node& node, const std::vector<uint32_t>& region) {
    // Plumbing that an operator made superfluous says nothing of where the operator belongs.
    std::vector<ScopeId> scopes = scopes_of(region, true);
    if (scopes.empty()) scopes = scopes_of(region, false);
    Meeting meeting;
    for (const ScopeId scope : scopes) meeting.join(modules_, scope);
    node.scope = *meeting.scope();
    node.provenance = Provenance::Merged;
    node.sources = std::move(scopes);
    node.origin = before_flow_.nodes[region.front()]->origin;
  }

  // Of the region's nodes, each scope once and in order.
  std::vector<ScopeId> scopes_of(const std::vector<uint32_t>& region, bool core_only) const {
    std::vector<ScopeId> scopes;
    for (const uint32_t i : region) {
      const onnx::Node& node = *before_flow_.nodes[i];
      if (!core_only || node.role == onnx::Role::Core) scopes.push_back(node.scope);
    }
    std::sort(scopes.begin(), scopes.end());
    scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
    return scopes;
  }

  bool by_name(onnx::Node& node) {
    const auto found = node.name.empty() ? by_name_.end() : by_name_.find(node.name);
    if (found == by_name_.end() || before_flow_.nodes[found->second]->op_type != node.op_type) return false;
    copy(node, *before_flow_.nodes[found->second]);
    learn_outputs(node, found->second);
    ++counts_.by_name;
    return true;
  }

  // A node that does what just one node of the tagged model did to the same values.
  bool by_structure(onnx::Node& node) {
    if (node.inputs.empty() || node.inputs.front() == onnx::kNoValue) return false;
    const auto readers = readers_.find(same_value_[node.inputs.front()]);
    if (readers == readers_.end()) return false;
    uint32_t twin = kNoNode;
    for (const uint32_t i : readers->second) {
      if (!does_the_same(node, *before_flow_.nodes[i])) continue;
      if (twin != kNoNode) return false;
      twin = i;
    }
    if (twin == kNoNode) return false;
    copy(node, *before_flow_.nodes[twin]);
    learn_outputs(node, twin);
    ++counts_.by_structure;
    return true;
  }

  bool does_the_same(const onnx::Node& node, const onnx::Node& other) const {
    return node.op_type == other.op_type && node.domain == other.domain && node.inputs.size() == other.inputs.size() &&
           std::equal(node.inputs.begin(), node.inputs.end(), other.inputs.begin(),
                      [&](auto a, auto b) { return a == onnx::kNoValue ? b == onnx::kNoValue : same_value_[a] == b; });
  }

  // So that what reads them can be found by structure too.
  void learn_outputs(const onnx::Node& node, uint32_t twin) {
    const std::vector<onnx::ValueId>& outputs = before_flow_.nodes[twin]->outputs;
    for (std::size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i) {
      if (node.outputs[i] == onnx::kNoValue || outputs[i] == onnx::kNoValue) continue;
      same_value_[node.outputs[i]] = outputs[i];
      is_kept_[outputs[i]] = true;
    }
  }

  static void copy(onnx::Node& node, const onnx::Node& from) {
    node.scope = from.scope;
    node.provenance = from.provenance;
    node.sources = from.sources;
    node.origin = from.origin;
  }

  onnx::Model& before_;
  onnx::Model& after_;
  Flow before_flow_;
  Flow after_flow_;
  const ModuleTree& modules_;
  CarryCounts counts_;
  std::vector<bool> known_;                // by node of the optimised model
  std::vector<onnx::ValueId> same_value_;  // optimised value -> tagged value
  std::vector<bool> is_kept_;              // by tagged value: the optimised model has it
  std::vector<bool> depends_on_input_;     // by tagged value
  std::vector<uint32_t> seen_;             // by tagged node: the last search for a region that met it
  uint32_t round_ = 0;
  std::unordered_map<std::string_view, uint32_t> by_name_;
  std::unordered_map<onnx::ValueId, std::vector<uint32_t>> readers_;  // by tagged value
};

}  // namespace

Carried carry_scopes(onnx::Model& tagged, const ModuleTree& modules, onnx::Model& optimised) {
  assign_roles(tagged);
  return Carrier(tagged, modules, optimised).run();
}

}  // namespace modelexport::tag
