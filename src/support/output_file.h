// A file being written from its beginning to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "support/file_descriptor.h"

namespace modelexport {

class OutputFile {
 public:
  // `name` is what errors call the file.
  OutputFile(FileDescriptor descriptor, std::string name);

  // Asks for room for `size` bytes in all, so that a full disk shows before anything is written.
  void reserve(uint64_t size);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Continues at `position`, which is not before size(); the gap reads as zeros.
  void skip_to(uint64_t position);
  // Bytes up to the place of the next write.
  [[nodiscard]] uint64_t size() const { return position_; }

  // Waits for the disk.
  void sync();
  // Cuts off what was reserved but not written. No writing afterwards.
  void close();

 private:
  void check_limit(uint64_t size) const;

  FileDescriptor descriptor_;
  std::string name_;
  uint64_t position_ = 0;
  uint64_t reserved_ = 0;
};

}  // namespace modelexport
