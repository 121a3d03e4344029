// The tensors of a .pt2 file: a configuration names the entry, type and strides of each.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "program/pt2_archive.h"
#include "program/pt2_types.h"

namespace modelexport::program {

class Pt2Weights {
 public:
  // `folder` holds the entries, "data/weights/"; `config` is the entry that describes them.
  Pt2Weights(const Pt2Archive& archive, std::string folder, const std::string& config);

  // A view into the file; tensors that share an entry share its storage.
  // Throws Error when there is none of this name, or no dense tensor in plain bytes.
  [[nodiscard]] TensorView at(std::string_view name);

 private:
  struct Payload {
    std::string entry;
    bool is_pickled = false;
    bool is_tensor = false;
    TensorMeta meta;
  };

  void read_payload(json::Reader& in, const std::string& name);
  [[nodiscard]] std::shared_ptr<const Storage> storage(const std::string& entry);

  const Pt2Archive& archive_;
  std::string folder_;
  SymbolTable symbols_;  // sizes of weights are numbers; what else there is, is refused
  ByName<Payload> payloads_;
  std::map<std::string, std::shared_ptr<const Storage>> storages_;  // by entry
};

}  // namespace modelexport::program
