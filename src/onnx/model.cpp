#include "onnx/model.h"

#include <algorithm>
#include <utility>

#include "support/memory_limit.h"

namespace modelexport::onnx {

const Attribute* Node::find(std::string_view attribute) const {
  const auto found =
      std::find_if(attributes.begin(), attributes.end(), [&](const Attribute& a) { return a.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

ValueId Model::add_value(Value value) {
  check_memory();
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

}  // namespace modelexport::onnx
