#include "onnx/computation_key.h"

#include <string_view>

namespace modelexport::onnx {
namespace {

template <typename T>
void append(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// False for attributes that are not compared: bodies and tensors.
bool append_attribute(std::string& key, const Attribute& attribute) {
  key += attribute.name;
  key.push_back(static_cast<char>(attribute.value.index()));
  if (const auto* i = std::get_if<int64_t>(&attribute.value)) {
    append(key, *i);
  } else if (const auto* f = std::get_if<float>(&attribute.value)) {
    append(key, *f);
  } else if (const auto* s = std::get_if<std::string>(&attribute.value)) {
    append(key, s->size());
    key += *s;
  } else if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute.value)) {
    append(key, list->size());
    for (int64_t item : *list) append(key, item);
  } else {
    return false;
  }
  return true;
}

bool is_random(std::string_view op) { return op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial"; }

}  // namespace

std::string computation_key(const Node& node, const std::vector<ValueId>& inputs) {
  if (is_random(node.op_type) || !node.domain.empty()) return "";
  std::string key = node.op_type;
  key.push_back('\0');
  append(key, node.outputs.size());
  append(key, inputs.size());
  for (const ValueId input : inputs) append(key, input);
  for (const Attribute& attribute : node.attributes) {
    if (!append_attribute(key, attribute)) return "";
  }
  return key;
}

}  // namespace modelexport::onnx
