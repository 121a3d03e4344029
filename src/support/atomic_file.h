// Files that appear together and complete, or not at all.
//
// Each is written under a temporary name beside its target, ".<name>.tmp-<process id>-<number>", and all are renamed
// at the end. Temporary files that a killed process left are removed when the same target is written again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/output_file.h"

namespace modelexport {

class AtomicFiles {
 public:
  // `durable`: commit() waits until the disk has everything.
  explicit AtomicFiles(bool durable = false) : durable_(durable) {}
  AtomicFiles(const AtomicFiles&) = delete;
  AtomicFiles& operator=(const AtomicFiles&) = delete;
  // Removes what was not committed.
  ~AtomicFiles();

  // Begins a file; valid until commit(). Throws Error (Io) when the target cannot be written there.
  OutputFile& open(const std::string& target);
  // Puts the files in place, in the order in which they were opened. After an Error all targets are as before.
  void commit();

 private:
  struct Entry {
    std::string target;
    std::string temporary;
    std::unique_ptr<OutputFile> file;
    bool placed = false;
    bool replaced = false;  // the temporary name holds what the target was before
  };

  void place(Entry& entry);
  void roll_back();
  void remove_temporaries();

  bool durable_;
  std::vector<Entry> entries_;
};

}  // namespace modelexport
