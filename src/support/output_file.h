// A file being written from its beginning to its end: large pieces directly, text as a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>

#include "support/file_descriptor.h"

namespace modelexport {

// Every function, and `<<` too, throws Error (Io) when the system refuses.
class OutputFile : public std::ostream {
 public:
  // `name` is what errors call the file.
  OutputFile(FileDescriptor descriptor, std::string name);

  // Asks for room for `size` bytes in all, so that a full disk shows before anything is written.
  void reserve(uint64_t size);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes) { write(std::as_bytes(std::span(bytes))); }
  // Bytes of another file, which the kernel moves without passing them through memory of ours. Returns how many: fewer
  // than `size` where it cannot do that between these two files.
  uint64_t copy(const FileDescriptor& source, uint64_t offset, uint64_t size);
  // Continues at `position`, which is not before size(); the gap reads as zeros.
  void skip_to(uint64_t position);
  // Bytes up to the place of the next write.
  [[nodiscard]] uint64_t size() const { return position_ + text_.pending().size(); }

  // Waits for the disk.
  void sync();
  // Cuts off what was reserved but not written. No writing afterwards.
  void close();

 private:
  // Collects what comes through `<<`.
  class TextBuffer : public std::streambuf {
   public:
    explicit TextBuffer(OutputFile& file);
    [[nodiscard]] std::string_view pending() const { return {pbase(), static_cast<std::size_t>(pptr() - pbase())}; }
    void clear() { setp(pbase(), epptr()); }

   protected:
    int_type overflow(int_type character) override;
    int sync() override;

   private:
    OutputFile& file_;
    std::string space_;
  };

  void check_limit(uint64_t size) const;
  void check_free_space(uint64_t size) const;
  void write_text();
  void write_bytes(std::span<const std::byte> bytes);

  FileDescriptor descriptor_;
  std::string name_;
  uint64_t position_ = 0;
  uint64_t reserved_ = 0;
  TextBuffer text_;
};

}  // namespace modelexport
