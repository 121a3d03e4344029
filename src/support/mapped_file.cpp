#include "support/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "support/error.h"

namespace modelexport {
namespace {

uint64_t page_size() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) fail_system("cannot read " + path);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail_system("cannot read " + path);
  if (S_ISDIR(status.st_mode)) fail(ErrorKind::Io, "cannot read " + path + ": it is a folder");
  if (!S_ISREG(status.st_mode)) fail(ErrorKind::Io, "cannot read " + path + ": it is not a regular file");

  const auto size = static_cast<std::size_t>(status.st_size);
  const void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data == MAP_FAILED) fail_system("cannot map " + path);
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, std::move(file), static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::read_ahead(uint64_t offset, uint64_t size) const {
#ifdef MADV_POPULATE_READ
  if (offset > size_ || size > size_ - offset) return;
  const uint64_t first = offset / page_size() * page_size();
  ::madvise(const_cast<std::byte*>(data_) + first, offset + size - first, MADV_POPULATE_READ);
#endif
}

void MappedFile::forget(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return;
  const uint64_t page = page_size();
  const uint64_t first = (offset + page - 1) / page * page;
  const uint64_t end = (offset + size) / page * page;
  if (first < end) ::madvise(const_cast<std::byte*>(data_) + first, end - first, MADV_DONTNEED);
}

std::shared_ptr<const Storage> storage_of(const std::shared_ptr<const MappedFile>& file, uint64_t offset,
                                          uint64_t size) {
  if (offset > file->size() || size > file->size() - offset) {
    fail(file->path() + ": bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
         " are wanted, but the file has " + std::to_string(file->size()));
  }
  auto storage = std::make_shared<Storage>();
  storage->data = file->bytes().data() + offset;
  storage->size = size;
  storage->owner = file;
  storage->file = file.get();
  storage->file_offset = offset;
  return storage;
}

}  // namespace modelexport
