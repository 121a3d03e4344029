#include "support/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

namespace modelexport {

OutputFile::TextBuffer::TextBuffer(OutputFile& file) : file_(file), space_(1 << 16, '\0') {
  setp(space_.data(), space_.data() + space_.size());
}

OutputFile::TextBuffer::int_type OutputFile::TextBuffer::overflow(int_type character) {
  file_.write_text();
  if (!traits_type::eq_int_type(character, traits_type::eof())) sputc(traits_type::to_char_type(character));
  return traits_type::not_eof(character);
}

int OutputFile::TextBuffer::sync() {
  file_.write_text();
  return 0;
}

OutputFile::OutputFile(FileDescriptor descriptor, std::string name)
    : std::ostream(nullptr), descriptor_(std::move(descriptor)), name_(std::move(name)), text_(*this) {
  rdbuf(&text_);
  exceptions(std::ios::badbit);
}

// Writing beyond the process's limit would raise SIGXFSZ, which kills by default.
void OutputFile::check_limit(uint64_t size) const {
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) {
    fail_system("cannot write " + name_ + ": " + std::to_string(size) + " bytes, where files may have " +
                    std::to_string(limit.rlim_cur),
                EFBIG);
  }
}

// Asking for more than there is would fill the disk before it fails.
void OutputFile::check_free_space(uint64_t size) const {
  struct statvfs status = {};
  if (::fstatvfs(descriptor_.get(), &status) != 0 || status.f_blocks == 0) return;
  const uint64_t free_bytes = uint64_t{status.f_bavail} * status.f_frsize;
  if (size > free_bytes) {
    fail_system("cannot write " + name_ + ": " + std::to_string(size) + " bytes, where the disk has " +
                    std::to_string(free_bytes) + " left",
                ENOSPC);
  }
}

void OutputFile::reserve(uint64_t size) {
  check_limit(size);
  check_free_space(size);
  if (size == 0) return;
  int result = 0;
  do {
    result = ::fallocate(descriptor_.get(), 0, 0, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    reserved_ = size;
  } else if (errno != EOPNOTSUPP && errno != ENOSYS) {
    fail_system("cannot write " + name_ + " of " + std::to_string(size) + " bytes");
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  write_text();
  write_bytes(bytes);
}

void OutputFile::write_text() {
  const auto pending = text_.pending();
  text_.clear();
  write_bytes(std::as_bytes(std::span(pending)));
}

void OutputFile::write_bytes(std::span<const std::byte> bytes) {
  if (position_ + bytes.size() > reserved_) check_limit(position_ + bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(position_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system("cannot write " + name_);
    position_ += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

// copy_file_range(2); file systems that share blocks copy nothing at all.
uint64_t OutputFile::copy(const FileDescriptor& source, uint64_t offset, uint64_t size) {
  write_text();
  if (position_ + size > reserved_) check_limit(position_ + size);
  uint64_t done = 0;
  while (done < size) {
    auto from = static_cast<off_t>(offset + done);
    auto to = static_cast<off_t>(position_);
    const ssize_t copied = ::copy_file_range(source.get(), &from, descriptor_.get(), &to, size - done, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) fail_system("cannot write " + name_);
    if (copied <= 0) break;
    done += static_cast<uint64_t>(copied);
    position_ += static_cast<uint64_t>(copied);
  }
  return done;
}

void OutputFile::skip_to(uint64_t position) {
  write_text();
  position_ = position;
}

void OutputFile::sync() {
  write_text();
  if (::fsync(descriptor_.get()) != 0) fail_system("cannot write " + name_);
}

void OutputFile::close() {
  write_text();
  if (reserved_ != position_) {
    check_limit(position_);
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(position_)) != 0) fail_system("cannot write " + name_);
  }
  if (::close(descriptor_.release()) != 0) fail_system("cannot write " + name_);
}

}  // namespace modelexport
