// What environment variables ask for.
#pragma once

#include <cstdint>

namespace modelexport {

struct Environment {
  bool explain_auxiliary = false;  // MODELEXPORT_AUX_OPS_DEBUG=1: say why each auxiliary operation has its tag
  uint64_t memory_limit_mb = 0;    // MODELEXPORT_MEMORY_LIMIT_MB=N: see support/memory_limit.h; 0: none
  bool profiling = false;          // MODELEXPORT_ENABLE_PROFILING=1: write a trace beside the model

  [[nodiscard]] uint64_t memory_limit_bytes() const { return memory_limit_mb << 20; }
};

// Throws Error naming the variable whose value makes no sense.
[[nodiscard]] Environment read_environment();

}  // namespace modelexport
