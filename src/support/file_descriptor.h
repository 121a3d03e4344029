// An open file that closes itself, and errors of system calls.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "support/error.h"

namespace modelexport {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }

  explicit operator bool() const { return number_ >= 0; }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Throws Error (Io) of `what` and what the system says of `code`: "cannot write a.onnx: No space left on device".
[[noreturn]] inline void fail_system(const std::string& what, int code = errno) {
  fail(ErrorKind::Io, what + ": " + std::generic_category().message(code));
}

}  // namespace modelexport
