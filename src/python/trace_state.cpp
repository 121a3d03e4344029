#include "python/trace_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace modelexport::python {

using program::InputKind;

TraceState::TraceState(const TorchTypes& types, nb::object storage)
    : types_(types),
      storage_(std::move(storage)),
      dict_name_(interned("__dict__")),
      parameters_name_(interned("_parameters")),
      buffers_name_(interned("_buffers")),
      passing_name_(interned("_non_persistent_buffers_set")),
      layout_name_(interned("layout")),
      quantized_name_(interned("is_quantized")),
      meta_name_(interned("is_meta")),
      version_name_(interned("_version")) {
  const nb::module_ torch = nb::module_::import_("torch");
  const nb::object base = torch.attr("_C").attr("TensorBase");
  tensor_type_ = torch.attr("Tensor");
  parameter_type_ = torch.attr("nn").attr("Parameter");
  buffer_type_ = torch.attr("nn").attr("Buffer");
  strided_ = torch.attr("strided");
  // Of the base class, where nobody watches who calls them.
  data_ptr_ = base.attr("data_ptr");
  is_inference_ = base.attr("is_inference");
}

// ---- what tensors are -----------------------------------------------------------------------------------------------

bool TraceState::is_plain_class(nb::handle tensor) const {
  const nb::handle type = tensor.type();
  return type.is(tensor_type_) || type.is(parameter_type_) ||
         PyObject_IsInstance(tensor.ptr(), buffer_type_.ptr()) == 1;
}

std::string TraceState::why_not_plain(nb::handle tensor) const {
  if (!is_plain_class(tensor)) return fmt::format("is a {}", text_of(str_of(tensor.type().attr("__name__"))));
  const bool is_dense = tensor.attr(layout_name_).is(strided_) && !nb::cast<bool>(tensor.attr(quantized_name_)) &&
                        !nb::cast<bool>(tensor.attr(meta_name_));
  return is_dense ? "" : "is no dense tensor with data";
}

uint64_t TraceState::address_of(nb::handle tensor) const { return nb::cast<uint64_t>(data_ptr_(tensor)); }

int64_t TraceState::version_of(nb::handle tensor) const {
  return nb::cast<bool>(is_inference_(tensor)) ? 0 : nb::cast<int64_t>(tensor.attr(version_name_));
}

// ---- what modules hold ----------------------------------------------------------------------------------------------

// Visits (kind, name, tensor) of the parameters and buffers.
template <typename Visit>
void TraceState::for_each_held(const nb::dict& attributes, const Visit& visit) const {
  for (const InputKind kind : {InputKind::Parameter, InputKind::Buffer}) {
    const nb::object tensors = attributes[kind == InputKind::Parameter ? parameters_name_ : buffers_name_];
    for (auto [name, tensor] : nb::borrow<nb::dict>(tensors)) {
      if (types_.is_tensor(tensor)) visit(kind, name, tensor);
    }
  }
}

std::string TraceState::add_module(nb::handle module, const std::string& start) {
  const nb::dict& attributes = modules_.emplace_back(nb::borrow<nb::dict>(module.attr(dict_name_)));
  const nb::set passing = nb::borrow<nb::set>(attributes[passing_name_]);
  std::string refusal;
  for_each_held(attributes, [&](InputKind kind, nb::handle name, nb::handle tensor) {
    held_.push_back(tensor.ptr());
    const bool persistent = kind == InputKind::Parameter || !passing.contains(name);
    StateTensor& added = add(tensor, kind, start + std::string(text_of(name)), persistent);
    if (!refusal.empty() || std::exchange(added.is_held, true)) return;
    if (const std::string reason = why_not_plain(tensor); !reason.empty()) {
      refusal = start + std::string(text_of(name)) + " " + reason;
      return;
    }
    added.address = address_of(tensor);
    added.version = version_of(tensor);
  });
  for (auto [name, value] : attributes) {
    if (types_.is_tensor(value)) add(value, InputKind::Constant, start + std::string(text_of(name)), false);
  }
  return refusal;
}

void TraceState::add_input(nb::handle tensor, std::string name) {
  tensors_.push_back({nb::borrow(tensor), InputKind::UserInput, std::move(name), true});
}

StateTensor& TraceState::add(nb::handle tensor, InputKind kind, std::string name, bool persistent) {
  const auto [entry, is_new] = index_of_.try_emplace(tensor.ptr(), tensors_.size());
  if (is_new) tensors_.push_back({nb::borrow(tensor), kind, std::move(name), persistent});
  return tensors_[entry->second];
}

std::size_t TraceState::find(nb::handle tensor) const {
  const auto found = index_of_.find(tensor.ptr());
  return found == index_of_.end() ? kNone : found->second;
}

bool TraceState::has_address_in(uint64_t begin, uint64_t end) const {
  return std::ranges::any_of(tensors_,
                             [&](const StateTensor& state) { return state.address >= begin && state.address < end; });
}

// ---- what is written ------------------------------------------------------------------------------------------------

void TraceState::save_sharing(nb::handle tensor) {
  for (; stored_ < tensors_.size(); ++stored_) {
    storages_.emplace(nb::cast<uint64_t>(storage_(tensors_[stored_].tensor)), stored_);
  }
  const auto [first, last] = storages_.equal_range(nb::cast<uint64_t>(storage_(tensor)));
  for (auto entry = first; entry != last; ++entry) {
    StateTensor& state = tensors_[entry->second];
    if (std::exchange(state.is_saved, true)) continue;
    saved_.emplace_back(state.tensor, state.tensor.attr("detach")().attr("clone")());
  }
}

nb::list TraceState::saved() const {
  nb::list pairs;
  for (const auto& [tensor, copy] : saved_) pairs.append(nb::make_tuple(tensor, copy));
  return pairs;
}

bool TraceState::is_assigned() const {
  std::size_t position = 0;
  bool differs = false;
  for (const nb::dict& attributes : modules_) {
    for_each_held(attributes, [&](InputKind /*kind*/, nb::handle /*name*/, nb::handle tensor) {
      differs = differs || position >= held_.size() || held_[position] != tensor.ptr();
      ++position;
    });
  }
  return differs || position != held_.size();
}

bool TraceState::is_changed() const {
  return std::ranges::any_of(tensors_, [&](const StateTensor& state) {
    if (!state.is_held) return false;
    if (address_of(state.tensor) != state.address) return true;
    return !state.is_saved && version_of(state.tensor) != state.version;
  });
}

}  // namespace modelexport::python
