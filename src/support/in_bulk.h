// Tables with an entry for every node or value of a model.
#pragma once

#include <memory_resource>

namespace modelexport {

struct BulkMemory {
  std::pmr::monotonic_buffer_resource memory;
};

// A container of std::pmr whose entries lie one behind the other and are freed all at once: as fast per entry in large
// tables as in small ones, where entries of their own would end up all over the memory. What is erased is not reused.
template <typename Table>
class InBulk : BulkMemory, public Table {
 public:
  InBulk() : Table(&memory) {}
  InBulk(const InBulk&) = delete;
  InBulk& operator=(const InBulk&) = delete;
};

}  // namespace modelexport
