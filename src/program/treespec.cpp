#include "program/treespec.h"

#include <algorithm>
#include <optional>

#include "support/error.h"
#include "support/json.h"

namespace modelexport::program {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::string> key_text(const json::Value& key) {
  if (const auto* text = std::get_if<std::string>(&key.data)) return *text;
  if (const auto* number = std::get_if<int64_t>(&key.data)) return std::to_string(*number);
  return std::nullopt;
}

// The texts of an array of `count` strings and integers; nothing when it is none.
std::vector<std::string> keys_of(const json::Value& value, std::size_t count) {
  std::vector<std::string> keys;
  const auto* array = std::get_if<json::Array>(&value.data);
  if (array == nullptr || array->size() != count) return {};
  for (const json::Value& item : *array) {
    const std::optional<std::string> key = key_text(item);
    if (!key) return {};
    keys.push_back(*key);
  }
  return keys;
}

// Contexts differ by type: the keys themselves, or a list or object that has them as one of its items.
std::vector<std::string> search_keys(const json::Value& context, std::size_t count) {
  std::vector<std::string> keys = keys_of(context, count);
  if (const auto* array = std::get_if<json::Array>(&context.data)) {
    for (std::size_t i = 0; keys.empty() && i < array->size(); ++i) keys = keys_of((*array)[i], count);
  }
  if (const auto* object = std::get_if<json::Object>(&context.data)) {
    for (std::size_t i = 0; keys.empty() && i < object->size(); ++i) keys = keys_of((*object)[i].second, count);
  }
  return keys;
}

bool is_leaf(const json::Value& spec) { return spec.at("type").is_null(); }

class Names {
 public:
  explicit Names(const FieldNames& fields) : fields_(fields) {}

  void visit(const json::Value& spec, const std::string& prefix) {
    const json::Array& children = spec.at("children_spec").array();
    const std::vector<std::string> keys = keys_of_children(spec.at("context"), children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      const std::string name = prefix + (keys.empty() ? std::to_string(i) : keys[i]);
      if (is_leaf(children[i])) {
        names.push_back(name.empty() || is_digit(name.front()) ? "output_" + name : name);
      } else {
        visit(children[i], name + "_");
      }
    }
  }

  std::vector<std::string> names;

 private:
  // Most contexts are JSON once more, in a string; a namedtuple's is the name of its type.
  [[nodiscard]] std::vector<std::string> keys_of_children(const json::Value& context, std::size_t count) const {
    const auto* text = std::get_if<std::string>(&context.data);
    if (text == nullptr) return search_keys(context, count);
    const auto fields = fields_.find(*text);
    if (fields != fields_.end()) return fields->second.size() == count ? fields->second : std::vector<std::string>();
    try {
      return search_keys(json::parse(*text), count);
    } catch (const Error&) {
      return {};
    }
  }

  const FieldNames& fields_;
};

}  // namespace

std::vector<std::string> output_names(std::string_view treespec, const FieldNames& fields) {
  const json::Value document = json::parse(treespec);
  const json::Array& versioned = document.array();
  if (versioned.size() != 2 || versioned[0].integer() != 1) fail("a structure of another version than 1");
  if (is_leaf(versioned[1])) return {"output"};
  Names names(fields);
  names.visit(versioned[1], "");
  return std::move(names.names);
}

}  // namespace modelexport::program
