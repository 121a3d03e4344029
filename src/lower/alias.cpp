#include "lower/alias.h"

#include <algorithm>
#include <utility>

#include "lower/view_inverse.h"
#include "lower/view_layout.h"

namespace modelexport::lower {

using program::Node;
using program::ValueId;

AliasTracker::TensorId AliasTracker::tensor_of(ValueId value) {
  const auto [name, is_new] = names_.try_emplace(value, static_cast<TensorId>(tensors_.size()));
  if (is_new) {
    Tensor base;
    base.value = value;
    base.base = name->second;
    tensors_.push_back(std::move(base));
  }
  return name->second;
}

void AliasTracker::add_views(std::size_t node, TensorId viewed) {
  ViewCall call;
  call.node = node;
  call.viewed = viewed;
  call.taken_from = tensors_[viewed].value;
  call.origin = {graph_.nodes[node].scope, graph_.nodes[node].provenance};
  const TensorId base = tensors_[viewed].base;
  for (ValueId output : graph_.nodes[node].outputs) {
    Tensor view;
    view.value = output;
    view.call = static_cast<uint32_t>(calls_.size());
    view.base = base;
    view.up_to_date = tensors_[base].version;
    call.views.push_back(static_cast<TensorId>(tensors_.size()));
    names_[output] = call.views.back();
    tensors_.push_back(std::move(view));
  }
  tensors_[base].is_viewed = true;
  calls_.push_back(std::move(call));
}

ValueId AliasTracker::read(TensorId tensor) {
  const uint64_t version = tensors_[tensors_[tensor].base].version;
  if (tensors_[tensor].up_to_date != version) {
    bring_up_to_date(tensor);
    tensors_[tensor].up_to_date = version;
  }
  return tensors_[tensor].value;
}

ValueId AliasTracker::read_value(ValueId value) {
  const auto name = names_.find(value);
  return name == names_.end() ? value : read(name->second);
}

bool AliasTracker::was_written(ValueId value) const {
  const auto name = names_.find(value);
  return name != names_.end() && tensors_[tensors_[name->second].base].version > 0;
}

void AliasTracker::write(TensorId tensor, ValueId value, Origin origin) {
  read(tensor);
  Tensor& written = tensors_[tensor];
  written.value = value;
  written.origin = origin;
  written.up_to_date = ++tensors_[written.base].version;
  for (TensorId t = tensor; tensors_[t].call != kNone && !tensors_[t].dirty;) {
    tensors_[t].dirty = true;
    const TensorId above = calls_[tensors_[t].call].viewed;
    tensors_[above].dirty_views.push_back(t);
    t = above;
  }
}

void AliasTracker::bring_up_to_date(TensorId tensor) {
  std::vector<TensorId> path;  // from the tensor to its base
  for (TensorId t = tensor; t != tensors_[tensor].base; t = calls_[tensors_[t].call].viewed) path.push_back(t);
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    if (tensors_[*step].dirty) continue;  // newer than what is above it
    ViewCall& call = calls_[tensors_[*step].call];
    const auto& dirty = tensors_[call.viewed].dirty_views;
    const auto is_elsewhere = [&](TensorId view) { return tensors_[view].call != tensors_[*step].call; };
    if (std::ranges::any_of(dirty, is_elsewhere)) collect(call.viewed);
    if (call.taken_from != tensors_[call.viewed].value) take_again(call);
  }
  collect(tensor);
}

void AliasTracker::collect(TensorId tensor) {
  std::vector<TensorId> order{tensor};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& dirty = tensors_[order[i]].dirty_views;
    order.insert(order.end(), dirty.begin(), dirty.end());
  }
  for (auto below = order.rbegin(); below != order.rend(); ++below) {
    if (!tensors_[*below].dirty_views.empty()) collect_views_of(*below);
  }
}

void AliasTracker::collect_views_of(TensorId tensor) {
  const std::vector<TensorId> dirty = std::exchange(tensors_[tensor].dirty_views, {});
  ViewCall& call = calls_[tensors_[dirty.front()].call];
  Origin origin = call.origin;
  for (TensorId view : dirty) {
    origin = join(origin, tensors_[view].origin);
    tensors_[view].dirty = false;
  }
  std::vector<ValueId> values;
  for (TensorId view : call.views) values.push_back(tensors_[view].value);
  const Node view = graph_.nodes[call.node];  // a copy: nodes are appended
  CallEmitter emitter(graph_, program_.symbols, origin);
  tensors_[tensor].value = invert_view(emitter, view, tensors_[tensor].value, values);
  tensors_[tensor].origin = origin;
  call.taken_from = tensors_[tensor].value;
}

void AliasTracker::take_again(ViewCall& call) {
  const Origin origin = join(call.origin, tensors_[call.viewed].origin);
  Node again = graph_.nodes[call.node];
  again.args[viewed_argument(again).value()].value = ref(tensors_[call.viewed].value);
  again.scope = origin.scope;
  again.provenance = origin.provenance;
  for (std::size_t i = 0; i < again.outputs.size(); ++i) {
    graph_.values.push_back(program::Value(graph_.values[again.outputs[i]]));
    again.outputs[i] = static_cast<ValueId>(graph_.values.size() - 1);
    tensors_[call.views[i]].value = again.outputs[i];
    tensors_[call.views[i]].origin = origin;
  }
  call.taken_from = tensors_[call.viewed].value;
  graph_.nodes.push_back(std::move(again));
}

Origin AliasTracker::join(Origin a, Origin b) const {
  if (a.provenance == Provenance::Fallback) std::swap(a, b);
  if (b.provenance == Provenance::Fallback) {
    // Nothing was recorded for one side, or for both: what is known is the other's scope.
    return a.provenance == Provenance::Fallback ? a : Origin{a.scope, Provenance::Inherited};
  }
  if (a.scope == b.scope) return a.provenance == Provenance::Exact ? b : a;
  return {program_.modules.common_ancestor(a.scope, b.scope), Provenance::Merged};
}

}  // namespace modelexport::lower
