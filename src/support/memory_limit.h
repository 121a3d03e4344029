// A limit on the memory that the core takes, which ends the work with an Error before it is reached.
//
// What is limited is by how much the memory that the process has allocated grows while the MemoryLimit lives, as
// glibc's mallinfo2() counts it. Mapped files do not count: weights that lie in a .pt2 file cost nothing. With another
// C library nothing is limited.
#pragma once

#include <cstdint>

namespace modelexport {

class MemoryLimit {
 public:
  // In force on this thread until it is destroyed, instead of one around it. 0 bytes: no limit.
  explicit MemoryLimit(uint64_t bytes);
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
  ~MemoryLimit();

  // Throws Error (MemoryLimit) when `bytes` more could go beyond the limit.
  void check(uint64_t bytes);

 private:
  uint64_t limit_;
  uint64_t start_ = 0;
  uint64_t unmeasured_ = 0;  // asked for since the last measurement
  MemoryLimit* around_;
};

// To be called before memory is taken: for each node, value or the like of what grows with the model, and with the
// size of what is large. Throws Error (MemoryLimit) where the thread's limit would be exceeded. Memory is measured
// once for many small pieces.
void check_memory(uint64_t bytes = 4096);

}  // namespace modelexport
