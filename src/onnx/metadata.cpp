#include "onnx/metadata.h"

#include <array>
#include <cstring>

namespace modelexport::onnx {
namespace {

// Before each entry: the sizes of its key and its value, which protobuf limits to 2 GB.
using Sizes = std::array<uint32_t, 2>;

Sizes sizes_at(const char* entry) {
  Sizes sizes{};
  std::memcpy(sizes.data(), entry, sizeof(sizes));
  return sizes;
}

}  // namespace

Metadata::Entry Metadata::Iterator::operator*() const {
  const auto [key, value] = sizes_at(at_);
  const char* text = at_ + sizeof(Sizes);
  return {{text, key}, {text + key, value}};
}

Metadata::Iterator& Metadata::Iterator::operator++() {
  const auto [key, value] = sizes_at(at_);
  at_ += sizeof(Sizes) + key + value;
  return *this;
}

Metadata::Metadata(std::initializer_list<Entry> entries) {
  for (const auto& [key, value] : entries) add(key, value);
}

void Metadata::add(std::string_view key, std::string_view value) {
  const Sizes sizes = {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size())};
  bytes_.append(reinterpret_cast<const char*>(sizes.data()), sizeof(sizes)).append(key).append(value);
}

std::optional<std::string_view> Metadata::find(std::string_view key) const {
  for (const auto& [name, value] : *this) {
    if (name == key) return value;
  }
  return std::nullopt;
}

}  // namespace modelexport::onnx
