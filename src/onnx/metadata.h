// The entries of metadata_props: keys and values in the order in which they were added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace modelexport::onnx {

// Every node has about ten entries, most of them too long to be kept inside a std::string. So they lie one behind the
// other in one piece of memory, which takes half of what strings of their own would.
class Metadata {
 public:
  using Entry = std::pair<std::string_view, std::string_view>;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = Entry;

    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    Entry operator*() const;
    Iterator& operator++();
    Iterator operator++(int) { return std::exchange(*this, ++Iterator(*this)); }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const char* at_ = nullptr;
  };
  using value_type = Entry;
  using iterator = Iterator;
  using const_iterator = Iterator;

  Metadata() = default;
  Metadata(std::initializer_list<Entry> entries);

  // The views are of bytes outside this object.
  void add(std::string_view key, std::string_view value);
  void clear() { bytes_.clear(); }

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  // The value of the first entry with this key.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;

  friend bool operator==(const Metadata&, const Metadata&) = default;

 private:
  std::string bytes_;  // of each entry its two sizes, the key and the value
};

}  // namespace modelexport::onnx
