// Constants of integers that a pass adds, each once.
#pragma once

#include <map>
#include <vector>

#include "passes/uses.h"

namespace modelexport::passes {

class SharedInts {
 public:
  explicit SharedInts(onnx::Model& model) : model_(model) {}

  // The constant of shape [n] with these numbers.
  onnx::ValueId operator()(const std::vector<int64_t>& numbers) {
    const auto [found, fresh] = made_.try_emplace(numbers, onnx::kNoValue);
    if (fresh) found->second = add_ints(model_, numbers);
    return found->second;
  }

 private:
  onnx::Model& model_;
  std::map<std::vector<int64_t>, onnx::ValueId> made_;
};

}  // namespace modelexport::passes
