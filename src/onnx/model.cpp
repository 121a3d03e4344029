#include "onnx/model.h"

#include <algorithm>
#include <utility>

#include "support/memory_limit.h"

namespace modelexport::onnx {

Shape static_shape(const std::vector<int64_t>& sizes) {
  Shape shape;
  shape.reserve(sizes.size());
  for (const int64_t size : sizes) shape.push_back({size, ""});
  return shape;
}

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

Initializer& Model::add_initializer(std::string name, TensorView data) {
  Value value;
  value.name = std::move(name);
  value.dtype = data.dtype;
  value.shape = static_shape(data.sizes);
  value.initializer = static_cast<int32_t>(initializers.size());
  Initializer& added = initializers.emplace_back();
  added.value = add_value(std::move(value));
  added.data = std::move(data);
  return added;
}

const Initializer* Model::initializer_of(ValueId id) const {
  if (id == kNoValue || values[id].initializer < 0) return nullptr;
  return &initializers[static_cast<std::size_t>(values[id].initializer)];
}

}  // namespace modelexport::onnx
