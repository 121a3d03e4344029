// A file mapped into memory for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "support/file_descriptor.h"
#include "support/tensor_view.h"

namespace modelexport {

class MappedFile {
 public:
  // Throws Error (Io) when `path` is no readable regular file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] uint64_t size() const { return size_; }
  // For what reads the file without its mapping.
  [[nodiscard]] const FileDescriptor& descriptor() const { return descriptor_; }

  // Maps all of these bytes at once rather than page by page; what cannot be is left to be mapped when it is read.
  void read_ahead(uint64_t offset, uint64_t size) const;
  // Tells the kernel that these bytes are not needed soon, so that reading a file once does not fill the memory of
  // the process. They may be read again all the same.
  void forget(uint64_t offset, uint64_t size) const;

 private:
  MappedFile(std::string path, FileDescriptor descriptor, const std::byte* data, std::size_t size)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), data_(data), size_(size) {}

  std::string path_;
  FileDescriptor descriptor_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Bytes [offset, offset+size) of the file, which lives as long as the storage. Throws Error when it has fewer.
[[nodiscard]] std::shared_ptr<const Storage> storage_of(const std::shared_ptr<const MappedFile>& file, uint64_t offset,
                                                        uint64_t size);

}  // namespace modelexport
