// Which file the bytes of a tensor lie in: a mapped one, ours or one that somebody else mapped into this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/tensor_view.h"

namespace modelexport {

struct FileRange {
  std::string path;
  uint64_t offset = 0;
  uint64_t size = 0;
};

// The files that are mapped into this process now, as /proc/self/maps lists them (proc(5)).
class FileMappings {
 public:
  FileMappings();

  // Where `size` bytes at `data` lie on disk. Nothing when they are not all of one file, when the file has been
  // replaced since, or when some of them were written to: then memory and file differ.
  [[nodiscard]] std::optional<FileRange> find(const std::byte* data, uint64_t size) const;

 private:
  struct Mapping {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    FileRange file;  // of the whole mapping
  };
  std::vector<Mapping> mappings_;  // in order of their addresses
};

}  // namespace modelexport
