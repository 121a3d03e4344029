// The container of a .pt2 file: a zip archive whose entries are stored, not compressed, so that every one of them is
// a range of the mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "support/mapped_file.h"

namespace modelexport::program {

class Pt2Archive {
 public:
  struct Entry {
    uint64_t offset = 0;  // of its bytes in the file
    uint64_t size = 0;
    uint32_t crc = 0;
  };

  // Throws Error when `path` is no such archive: a broken zip, compressed or encrypted entries, an entry outside the
  // file or of a name that leaves the archive.
  static Pt2Archive open(const std::string& path);

  [[nodiscard]] const std::shared_ptr<const MappedFile>& file() const { return file_; }
  // By name below the archive's root folder ("models/model.json").
  [[nodiscard]] const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  [[nodiscard]] bool contains(std::string_view name) const { return entries_.contains(name); }
  // Throws Error when there is none.
  [[nodiscard]] const Entry& at(std::string_view name) const;
  // The whole entry, whose checksum is verified: for small ones, since it reads all of it.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  // Takes the entry out of the memory of the process; it can be read again all the same.
  void forget(std::string_view name) const;

 private:
  explicit Pt2Archive(std::shared_ptr<const MappedFile> file);

  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace modelexport::program
