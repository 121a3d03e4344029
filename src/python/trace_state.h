// The tensors that are there when a forward begins: its inputs, what the modules hold, and constants. They are known by
// identity, named as the program's inputs, and looked at again when the forward has ended.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "program/program.h"
#include "python/torch_types.h"

namespace modelexport::python {

namespace nb = nanobind;

struct StateTensor {
  nb::object tensor;
  program::InputKind kind;
  std::string name;
  bool persistent;
  bool is_saved = false;
  bool is_held = false;  // a parameter or buffer; with where it was, and its version, when it was added
  uint64_t address = 0;
  int64_t version = 0;
};

class TraceState {
 public:
  // `storage(tensor) -> int` is the same for all tensors that share memory.
  TraceState(const TorchTypes& types, nb::object storage);

  // The parameters, buffers and other tensors among the attributes of a module; `start` begins their names. Returns
  // which of them cannot be followed and why, or "".
  std::string add_module(nb::handle module, const std::string& start);
  void add_input(nb::handle tensor, std::string name);
  // Of the names of a tied tensor, the first counts.
  StateTensor& add(nb::handle tensor, program::InputKind kind, std::string name, bool persistent);

  static constexpr std::size_t kNone = ~std::size_t{0};
  [[nodiscard]] std::size_t find(nb::handle tensor) const;
  [[nodiscard]] std::size_t size() const { return tensors_.size(); }
  [[nodiscard]] const StateTensor& operator[](std::size_t index) const { return tensors_[index]; }

  // Whether its class is one that runs operators as they are.
  [[nodiscard]] bool is_plain_class(nb::handle tensor) const;
  // Why a tensor cannot be followed ("is a DTensor"), or "".
  [[nodiscard]] std::string why_not_plain(nb::handle tensor) const;
  // Whether a parameter or buffer begins at an address of [begin, end).
  [[nodiscard]] bool has_address_in(uint64_t begin, uint64_t end) const;

  // Before an operator writes to `tensor`: keeps a copy of every tensor here that shares its memory.
  void save_sharing(nb::handle tensor);
  // (tensor, contents before the first write).
  [[nodiscard]] nb::list saved() const;

  // Whether the modules hold other parameters or buffers than when they were added.
  [[nodiscard]] bool is_assigned() const;
  // Whether a parameter or buffer that no copy was kept of has been written, or lies elsewhere.
  [[nodiscard]] bool is_changed() const;

 private:
  template <typename Visit>
  void for_each_held(const nb::dict& attributes, const Visit& visit) const;
  [[nodiscard]] uint64_t address_of(nb::handle tensor) const;
  [[nodiscard]] int64_t version_of(nb::handle tensor) const;

  const TorchTypes& types_;
  nb::object storage_, tensor_type_, parameter_type_, buffer_type_, strided_, data_ptr_, is_inference_;
  // Interned names of attributes.
  nb::str dict_name_, parameters_name_, buffers_name_, passing_name_, layout_name_, quantized_name_, meta_name_,
      version_name_;

  std::vector<StateTensor> tensors_;
  std::unordered_map<PyObject*, std::size_t> index_of_;
  std::vector<nb::dict> modules_;  // their attributes
  std::vector<PyObject*> held_;    // the parameters and buffers of all of them, in order
  std::unordered_multimap<uint64_t, std::size_t> storages_;
  std::size_t stored_ = 0;  // tensors that storages_ knows
  std::vector<std::pair<nb::object, nb::object>> saved_;
};

}  // namespace modelexport::python
