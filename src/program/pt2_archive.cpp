#include "program/pt2_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "support/crc32.h"
#include "support/error.h"
#include "support/json.h"
#include "support/utf8.h"

namespace modelexport::program {

namespace {

// Structures of .ZIP File Format Specification (APPNOTE.TXT), sections 4.3.7 to 4.3.16.
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr uint64_t kLocalHeaderSize = 30;
constexpr uint64_t kCentralHeaderSize = 46;
constexpr uint64_t kEndSize = 22;
constexpr uint64_t kEnd64Size = 56;
constexpr uint64_t kEnd64LocatorSize = 20;
constexpr uint64_t kMaxComment = 0xffff;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncrypted = 1;

// Little-endian fields of a range of the file.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // The bytes [offset, offset+size), or an error that names `what`.
  [[nodiscard]] Fields part(uint64_t offset, uint64_t size, std::string_view what) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      fail(fmt::format("{} of {} bytes at offset {} goes beyond the end", what, size, offset));
    }
    return Fields(bytes_.subspan(offset, size));
  }
  template <typename T>
  [[nodiscard]] T get(uint64_t offset) const {
    T value{};
    std::memcpy(&value, part(offset, sizeof(T), "a field").bytes_.data(), sizeof(T));
    return value;
  }
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t count = 0;
};

// The record that ends a zip stands before a comment of unknown length.
uint64_t find_end(const Fields& file) {
  if (file.size() < kEndSize) fail("it is too short to be a zip archive");
  const uint64_t last = file.size() - kEndSize;
  const uint64_t first = last - std::min(last, kMaxComment);
  for (uint64_t offset = last + 1; offset-- > first;) {
    if (file.get<uint32_t>(offset) == kEnd && offset + kEndSize + file.get<uint16_t>(offset + 20) == file.size()) {
      return offset;
    }
  }
  fail("it is no zip archive, or cut off: the record that ends one is missing");
}

Directory find_directory(const Fields& file) {
  const uint64_t end = find_end(file);
  Directory result{file.get<uint32_t>(end + 16), file.get<uint32_t>(end + 12), file.get<uint16_t>(end + 10)};
  const bool is_zip64 = result.offset == 0xffffffff || result.size == 0xffffffff || result.count == 0xffff;
  if (is_zip64 && end >= kEnd64LocatorSize && file.get<uint32_t>(end - kEnd64LocatorSize) == kEnd64Locator) {
    const auto offset = file.get<uint64_t>(end - kEnd64LocatorSize + 8);
    const Fields end64 = file.part(offset, kEnd64Size, "the zip64 record");
    if (end64.get<uint32_t>(0) != kEnd64) fail(fmt::format("no zip64 record at offset {}", offset));
    result = {end64.get<uint64_t>(48), end64.get<uint64_t>(40), end64.get<uint64_t>(32)};
  }
  return result;
}

// A file name that stays below its folder on every system.
void check_name(const std::string& name) {
  const bool is_absolute = name.starts_with('/') || name.find(':') != std::string::npos;
  const bool is_odd = name.find('\\') != std::string::npos || name.find('\0') != std::string::npos;
  const bool climbs = ("/" + name + "/").find("/../") != std::string::npos;
  if (name.empty() || is_absolute || is_odd || climbs) fail("its name leaves the archive");
}

struct CentralEntry {
  std::string name;
  uint64_t header = 0;  // offset of the local header
  Pt2Archive::Entry entry;
};

// Sizes and offsets that do not fit 32 bits stand in an extra field, in this order, those only.
void read_zip64(const Fields& extra, CentralEntry& central, uint64_t stored) {
  const bool needs[] = {central.entry.size == 0xffffffff, stored == 0xffffffff, central.header == 0xffffffff};
  if (!needs[0] && !needs[1] && !needs[2]) return;
  uint64_t offset = 0;
  while (offset + 4 <= extra.size()) {
    const auto size = extra.get<uint16_t>(offset + 2);
    if (extra.get<uint16_t>(offset) != kZip64Extra) {
      offset += 4 + size;
      continue;
    }
    const Fields values = extra.part(offset + 4, size, "a zip64 field");
    uint64_t next = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      if (!needs[i]) continue;
      const auto value = values.get<uint64_t>(next);
      if (i == 0) central.entry.size = value;
      if (i == 2) central.header = value;
      next += sizeof(uint64_t);
    }
    return;
  }
}

CentralEntry read_central(const Fields& record, const Fields& variable, uint16_t name_size, uint16_t extra_size) {
  CentralEntry central;
  central.name = variable.part(0, name_size, "a name").text();
  if (find_invalid_utf8(central.name) != std::string::npos) {
    fail(fmt::format("entry {}: its name is no UTF-8", json::quote(central.name)));
  }
  with_context("entry " + central.name, [&] {
    check_name(central.name);
    if ((record.get<uint16_t>(8) & kEncrypted) != 0) fail("it is encrypted");
    if (record.get<uint16_t>(10) != 0) fail("it is compressed; torch.export.save stores entries as they are");
    central.entry.crc = record.get<uint32_t>(16);
    central.entry.size = record.get<uint32_t>(24);
    central.header = record.get<uint32_t>(42);
    read_zip64(variable.part(name_size, extra_size, "an extra field"), central, record.get<uint32_t>(20));
  });
  return central;
}

// Where the entry's bytes begin is said by its local header alone.
void locate(const Fields& file, const Directory& directory, CentralEntry& central) {
  const Fields local = file.part(central.header, kLocalHeaderSize, "its header");
  if (local.get<uint32_t>(0) != kLocalHeader) fail(fmt::format("no header at offset {}", central.header));
  const auto name_size = local.get<uint16_t>(26);
  central.entry.offset = central.header + kLocalHeaderSize + name_size + local.get<uint16_t>(28);
  const std::string name = file.part(central.header + kLocalHeaderSize, name_size, "its name").text();
  if (name != central.name) fail(fmt::format("its header at offset {} names another entry", central.header));
  if (central.entry.offset > directory.offset || central.entry.size > directory.offset - central.entry.offset) {
    fail(fmt::format("its {} bytes at offset {} go beyond the entries' part of the file", central.entry.size,
                     central.entry.offset));
  }
}

std::vector<CentralEntry> read_entries(const Fields& file) {
  const Directory directory = find_directory(file);
  const Fields records = file.part(directory.offset, directory.size, "the directory");
  if (directory.count > directory.size / kCentralHeaderSize) {
    fail(fmt::format("its directory of {} bytes cannot have {} entries", directory.size, directory.count));
  }
  std::vector<CentralEntry> entries;
  uint64_t offset = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    const Fields record = records.part(offset, kCentralHeaderSize, "a directory entry");
    if (record.get<uint32_t>(0) != kCentralHeader) {
      fail(fmt::format("no directory entry at offset {}", directory.offset + offset));
    }
    const auto name_size = record.get<uint16_t>(28);
    const auto extra_size = record.get<uint16_t>(30);
    const uint64_t variable_size = uint64_t{name_size} + extra_size + record.get<uint16_t>(32);
    const Fields variable = records.part(offset + kCentralHeaderSize, variable_size, "a directory entry");
    entries.push_back(read_central(record, variable, name_size, extra_size));
    with_context("entry " + entries.back().name, [&] { locate(file, directory, entries.back()); });
    offset += kCentralHeaderSize + variable_size;
  }
  return entries;
}

}  // namespace

Pt2Archive Pt2Archive::open(const std::string& path) { return Pt2Archive(MappedFile::open(path)); }

Pt2Archive::Pt2Archive(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  for (CentralEntry& central : read_entries(Fields(file_->bytes()))) {
    // Everything lies below one folder, which is named after the file.
    const std::size_t slash = central.name.find('/');
    std::string name = slash == std::string::npos ? central.name : central.name.substr(slash + 1);
    if (name.empty() || name.ends_with('/')) continue;  // a folder
    if (!entries_.emplace(std::move(name), central.entry).second) {
      fail(fmt::format("entry {}: it is there twice", central.name));
    }
  }
}

const Pt2Archive::Entry& Pt2Archive::at(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(fmt::format("entry {} is missing", name));
  return found->second;
}

std::string_view Pt2Archive::text(std::string_view name) const {
  const Entry& entry = at(name);
  const std::span<const std::byte> bytes = file_->bytes().subspan(entry.offset, entry.size);
  if (crc32(bytes) != entry.crc) fail(fmt::format("entry {} is damaged: its checksum differs", name));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Pt2Archive::forget(std::string_view name) const {
  const Entry& entry = at(name);
  file_->forget(entry.offset, entry.size);
}

}  // namespace modelexport::program
