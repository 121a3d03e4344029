#include "tag/carry.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tag/flow.h"
#include "tag/role.h"
#include "tag/tagged_index.h"

namespace modelexport::tag {
namespace {

constexpr std::size_t kMaxRegion = 1000;

class Carrier {
 public:
  Carrier(onnx::Model& tagged, const ModuleTree& modules, onnx::Model& optimised)
      : before_(tagged),
        after_(optimised),
        flow_(optimised),
        modules_(modules),
        known_(flow_.nodes.size()),
        same_value_(optimised.values.size(), onnx::kNoValue),
        is_kept_(tagged.values.size()),
        has_equal_(tagged.values.size()),
        stands_for_(flow_.nodes.size(), kNoNode),
        seen_(before_.node_count()) {}

  Carried run() {
    match_values();
    for (std::size_t i = 0; i < flow_.nodes.size(); ++i) known_[i] = place(static_cast<uint32_t>(i));
    join_equals();
    counts_.inherited = inherit_scopes(flow_, modules_, known_);
    counts_.fallback = fall_back(flow_, known_);
    return {modules_, counts_};
  }

 private:
  // Tensors of the same name are the same tensor. A name that is only mentioned (value_info) counts for nothing.
  void match_values() {
    const std::vector<bool> exists_after = existing_values();
    for (onnx::ValueId value = 0; value < after_.values.size(); ++value) {
      const std::string& name = after_.values[value].name;
      const onnx::ValueId found = exists_after[value] && !name.empty() ? before_.tensor_named(name) : onnx::kNoValue;
      if (found != onnx::kNoValue) keep(value, found);
    }
  }

  std::vector<bool> existing_values() const {
    std::vector<bool> exists(after_.values.size());
    for (onnx::ValueId value = 0; value < exists.size(); ++value) {
      exists[value] = flow_.producer[value] != kNoNode || flow_.weight[value] != nullptr;
    }
    for (const onnx::ValueId input : after_.graph.inputs) exists[input] = true;
    return exists;
  }

  // `after` of the optimised model is `before` of the tagged one.
  void keep(onnx::ValueId after, onnx::ValueId before) {
    same_value_[after] = before;
    is_kept_[before] = true;
    has_equal_[before_.representative(before)] = true;
  }

  // ---- one node ----------------------------------------------------------------------------------------------------
  bool place(uint32_t index) {
    onnx::Node& node = *flow_.nodes[index];
    return by_tensor(index, node) || by_name(node) || by_structure(node) || by_derived_name(node);
  }

  bool by_tensor(uint32_t index, onnx::Node& node) {
    std::vector<onnx::ValueId> outputs;
    for (const onnx::ValueId output : node.outputs) {
      if (output != onnx::kNoValue && same_value_[output] != onnx::kNoValue) outputs.push_back(same_value_[output]);
    }
    const std::vector<uint32_t> region = region_of(outputs);
    if (region.empty()) return false;
    // Its own last node by name and type: what comes before has lost its name, and is not part of it.
    const onnx::Node& last = before_.node(region.front());
    if (region.size() == 1 || (last.name == node.name && last.op_type == node.op_type)) {
      stands_for_[index] = region.front();
      copy(node, last);
      ++counts_.by_tensor;
    } else {
      merge(node, region);
      ++counts_.merged;
    }
    return true;
  }

  // The nodes of the tagged model between the tensors that the optimised one kept and `open`, the last one first.
  std::vector<uint32_t> region_of(std::vector<onnx::ValueId> open) {
    std::vector<uint32_t> region;
    ++round_;
    while (!open.empty()) {
      const uint32_t producer = before_.producer(open.back());
      open.pop_back();
      if (producer == kNoNode || std::exchange(seen_[producer], round_) == round_) continue;
      // No fused node is that large: the tensors between have lost their names.
      if (region.size() == kMaxRegion) return {};
      region.push_back(producer);
      for (const onnx::ValueId input : before_.node(producer).inputs) {
        if (input != onnx::kNoValue && !is_there(input) && before_.depends_on_input(input)) open.push_back(input);
      }
    }
    return region;
  }

  // The optimised model has the tensor, or one that is computed the same way.
  bool is_there(onnx::ValueId value) const { return has_equal_[before_.representative(value)]; }

  void merge(onnx::Node& node, const std::vector<uint32_t>& region) {
    // Plumbing that an operator made superfluous says nothing of where the operator belongs.
    std::vector<ScopeId> scopes = scopes_of(region, true);
    if (scopes.empty()) scopes = scopes_of(region, false);
    set_sources(node, std::move(scopes));
    node.origin = before_.node(region.front()).origin;
  }

  void set_sources(onnx::Node& node, std::vector<ScopeId> scopes) const {
    Meeting meeting;
    for (const ScopeId scope : scopes) meeting.join(modules_, scope);
    node.scope = *meeting.scope();
    node.provenance = Provenance::Merged;
    node.sources = std::move(scopes);
  }

  // Of the region's nodes, each scope once and in order.
  std::vector<ScopeId> scopes_of(const std::vector<uint32_t>& region, bool core_only) const {
    std::vector<ScopeId> scopes;
    for (const uint32_t i : region) {
      const onnx::Node& node = before_.node(i);
      if (!core_only || node.role == onnx::Role::Core) scopes.push_back(node.scope);
    }
    std::sort(scopes.begin(), scopes.end());
    scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
    return scopes;
  }

  bool by_name(onnx::Node& node) {
    const uint32_t twin = before_.node_named(node.name);
    if (twin == kNoNode || before_.node(twin).op_type != node.op_type) return false;
    copy(node, before_.node(twin));
    learn_outputs(node, twin);
    ++counts_.by_name;
    return true;
  }

  // A node that does what just one node of the tagged model did to the same values.
  bool by_structure(onnx::Node& node) {
    if (node.inputs.empty() || node.inputs.front() == onnx::kNoValue) return false;
    uint32_t twin = kNoNode;
    for (const uint32_t i : before_.readers(same_value_[node.inputs.front()])) {
      if (!does_the_same(node, before_.node(i))) continue;
      if (twin != kNoNode) return false;
      twin = i;
    }
    if (twin == kNoNode) return false;
    copy(node, before_.node(twin));
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
    const std::vector<onnx::ValueId>& outputs = before_.node(twin).outputs;
    for (std::size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i) {
      if (node.outputs[i] != onnx::kNoValue && outputs[i] != onnx::kNoValue) keep(node.outputs[i], outputs[i]);
    }
  }

  // Optimisers that change a tensor's layout name the node after it (`relu_3_nchwc`) and give the tensor a new name.
  bool by_derived_name(onnx::Node& node) {
    const onnx::ValueId tensor = before_.tensor_at_start_of(node.name);
    if (tensor == onnx::kNoValue || node.outputs.empty() || node.outputs.front() == onnx::kNoValue) return false;
    std::vector<uint32_t> region = region_of({tensor});
    if (std::none_of(region.begin(), region.end(), [&](auto i) { return before_.node(i).op_type == node.op_type; })) {
      return false;
    }
    keep(node.outputs.front(), absorb(node, tensor, region));
    if (region.size() == 1) {
      copy(node, before_.node(region.front()));
    } else {
      merge(node, region);
    }
    ++counts_.by_derived_name;
    return true;
  }

  // Adds to `region` what `node` does after it has computed `tensor`: a sum with another of its inputs, and the
  // activation that it names. Returns what it computes in the end.
  onnx::ValueId absorb(const onnx::Node& node, onnx::ValueId tensor, std::vector<uint32_t>& region) const {
    const onnx::Attribute* activation = node.find("activation");
    const auto* named = activation == nullptr ? nullptr : std::get_if<std::string>(&activation->value);
    while (before_.readers(tensor).size() == 1 && !is_there(tensor)) {
      const uint32_t next = before_.readers(tensor).front();
      const onnx::Node& reader = before_.node(next);
      const bool adds_input = std::any_of(node.inputs.begin(), node.inputs.end(), [&](onnx::ValueId input) {
        const onnx::ValueId same = input == onnx::kNoValue ? input : same_value_[input];
        return same != onnx::kNoValue && before_.depends_on_input(same) &&
               std::find(reader.inputs.begin(), reader.inputs.end(), same) != reader.inputs.end();
      });
      if (!adds_input && (named == nullptr || *named != reader.op_type)) break;
      region.push_back(next);
      tensor = reader.outputs.front();
    }
    return tensor;
  }

  // ---- nodes that stand for several ------------------------------------------------------------------------------
  // Where several nodes computed the same and one was kept, it belongs to all of them.
  void join_equals() {
    std::vector<bool> claimed(before_.node_count());
    for (std::size_t i = 0; i < flow_.nodes.size(); ++i) {
      if (stands_for_[i] == kNoNode) continue;
      onnx::Node& node = *flow_.nodes[i];
      std::vector<ScopeId> scopes = {node.scope};
      for (const uint32_t equal : before_.equals(stands_for_[i])) {
        if (is_kept_[before_.node(equal).outputs.front()] || claimed[equal]) continue;
        claimed[equal] = true;
        scopes.push_back(before_.node(equal).scope);
      }
      std::sort(scopes.begin(), scopes.end());
      scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
      if (scopes.size() == 1) continue;
      set_sources(node, std::move(scopes));
      --counts_.by_tensor;
      ++counts_.merged;
    }
  }

  static void copy(onnx::Node& node, const onnx::Node& from) {
    node.scope = from.scope;
    node.provenance = from.provenance;
    node.sources = from.sources;
    node.origin = from.origin;
  }

  TaggedIndex before_;
  onnx::Model& after_;
  Flow flow_;  // of the optimised model
  const ModuleTree& modules_;
  CarryCounts counts_;
  std::vector<bool> known_;                // by node of the optimised model
  std::vector<onnx::ValueId> same_value_;  // optimised value -> tagged value
  std::vector<bool> is_kept_;              // by tagged value: the optimised model has it
  std::vector<bool> has_equal_;            // by tagged representative: the optimised model has one of its values
  std::vector<uint32_t> stands_for_;       // optimised node -> the one tagged node that computed its tensor
  std::vector<uint32_t> seen_;             // by tagged node: the last search for a region that met it
  uint32_t round_ = 0;
};

}  // namespace

Carried carry_scopes(onnx::Model& tagged, const ModuleTree& modules, onnx::Model& optimised) {
  assign_roles(tagged);
  return Carrier(tagged, modules, optimised).run();
}

}  // namespace modelexport::tag
