#include "support/memory_limit.h"

#include <fmt/format.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "support/error.h"

namespace modelexport {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;
// Smaller pieces are measured together.
constexpr uint64_t kStep = kMegabyte / 4;

thread_local MemoryLimit* in_force = nullptr;

uint64_t allocated_bytes() {
#if defined(__GLIBC__)
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

}  // namespace

MemoryLimit::MemoryLimit(uint64_t bytes) : limit_(bytes), around_(in_force) {
  in_force = this;
  if (limit_ != 0) start_ = allocated_bytes();
}

MemoryLimit::~MemoryLimit() { in_force = around_; }

void MemoryLimit::check(uint64_t bytes) {
  unmeasured_ += bytes;
  if (limit_ == 0 || unmeasured_ < kStep) return;
  const uint64_t now = allocated_bytes();
  const uint64_t grown = now > start_ ? now - start_ : 0;
  // A list that is full moves to room of twice its size; no list holds more than an eighth of what there is.
  const uint64_t needed = grown + grown / 4 + unmeasured_;
  unmeasured_ = 0;
  if (needed <= limit_) return;
  fail(ErrorKind::MemoryLimit,
       fmt::format("the limit of {} MB (MODELEXPORT_MEMORY_LIMIT_MB) would be exceeded: the export has taken {:.1f} MB "
                   "and needs more",
                   limit_ / kMegabyte, static_cast<double>(grown) / static_cast<double>(kMegabyte)));
}

void check_memory(uint64_t bytes) {
  if (in_force != nullptr) in_force->check(bytes);
}

}  // namespace modelexport
