#include "support/file_range.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "support/file_descriptor.h"

namespace modelexport {
namespace {

struct MapsLine {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  uint64_t offset = 0;
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;
};

// "7f3a52000000-7f3a53000000 r--p 00001000 08:02 173521    /models/net.pt2"
std::optional<MapsLine> parse_maps_line(const std::string& line) {
  MapsLine result;
  unsigned major = 0;
  unsigned minor = 0;
  int path_at = 0;
  const int fields = std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %x:%x %lu %n", &result.begin,
                                 &result.end, &result.offset, &major, &minor, &result.inode, &path_at);
  if (fields != 6 || static_cast<std::size_t>(path_at) >= line.size()) return std::nullopt;
  result.device = makedev(major, minor);
  result.path = line.substr(static_cast<std::size_t>(path_at));
  return result;
}

// The name may be that of another file by now.
bool is_still_there(const MapsLine& line) {
  struct stat status = {};
  return ::stat(line.path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == line.inode &&
         status.st_dev == line.device;
}

// A page of a private mapping that was written to belongs to the process; /proc/self/pagemap tells
// (Documentation/admin-guide/mm/pagemap.rst of Linux).
bool is_as_in_the_file(uintptr_t begin, uintptr_t end) {
  constexpr uint64_t kPresent = uint64_t{1} << 63;
  constexpr uint64_t kSwapped = uint64_t{1} << 62;
  constexpr uint64_t kOfFile = uint64_t{1} << 61;
  const FileDescriptor pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap) return false;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t last = (end - 1) / page;
  std::array<uint64_t, 4096> entries{};
  for (uintptr_t at = begin / page; at <= last;) {
    const std::size_t wanted = std::min<std::size_t>(entries.size(), last - at + 1);
    const ssize_t bytes =
        ::pread(pagemap.get(), entries.data(), wanted * sizeof(uint64_t), static_cast<off_t>(at * sizeof(uint64_t)));
    if (bytes < static_cast<ssize_t>(sizeof(uint64_t))) return false;
    const std::size_t count = static_cast<std::size_t>(bytes) / sizeof(uint64_t);
    const auto is_changed = [](uint64_t entry) {
      return (entry & kSwapped) != 0 || ((entry & kPresent) != 0 && (entry & kOfFile) == 0);
    };
    if (std::any_of(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count), is_changed)) return false;
    at += count;
  }
  return true;
}

}  // namespace

FileMappings::FileMappings() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto parsed = parse_maps_line(line);
    if (!parsed || !parsed->path.starts_with('/') || !is_still_there(*parsed)) continue;
    mappings_.push_back(
        {parsed->begin, parsed->end, {parsed->path, parsed->offset, uint64_t{parsed->end - parsed->begin}}});
  }
}

std::optional<FileRange> FileMappings::find(const std::byte* data, uint64_t size) const {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const auto after =
      std::upper_bound(mappings_.begin(), mappings_.end(), begin,
                       [](uintptr_t address, const Mapping& mapping) { return address < mapping.begin; });
  if (size == 0 || after == mappings_.begin()) return std::nullopt;
  const Mapping& mapping = *std::prev(after);
  if (begin >= mapping.end || size > mapping.end - begin || !is_as_in_the_file(begin, begin + size)) {
    return std::nullopt;
  }
  return FileRange{mapping.file.path, mapping.file.offset + (begin - mapping.begin), size};
}

}  // namespace modelexport
