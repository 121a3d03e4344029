#include "support/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace modelexport {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const std::string& target) {
  const auto folder = fs::path(target).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

std::string temporary_prefix(const std::string& target) { return "." + fs::path(target).filename().string() + ".tmp-"; }

// Replacing a device, a folder or a protected file by a rename would be a surprise.
void check_target(const std::string& target) {
  const auto what = "cannot write " + target;
  const auto name = fs::path(target).filename();
  if (name.empty() || name == "." || name == "..") fail(ErrorKind::Io, what + ": it names no file");
  const auto folder = folder_of(target);
  struct stat status = {};
  if (::stat(folder.c_str(), &status) != 0) fail_system(what + ": folder " + folder.string());
  if (!S_ISDIR(status.st_mode)) fail_system(what + ": folder " + folder.string(), ENOTDIR);
  if (::stat(target.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) fail(ErrorKind::Io, what + ": it is a folder");
  if (!S_ISREG(status.st_mode)) fail(ErrorKind::Io, what + ": it is not a regular file");
  if (::access(target.c_str(), W_OK) != 0) fail_system(what);
}

// "<process id>-<number>" of a process that is no more.
bool is_of_dead_process(std::string_view suffix) {
  pid_t process = 0;
  const auto* end = suffix.data() + suffix.size();
  const auto [rest, error] = std::from_chars(suffix.data(), end, process);
  if (error != std::errc() || process <= 0 || rest == end || *rest != '-') return false;
  return ::kill(process, 0) != 0 && errno == ESRCH;
}

void remove_stale(const std::string& target) {
  const auto prefix = temporary_prefix(target);
  std::error_code ignored;
  for (fs::directory_iterator it(folder_of(target), ignored), end; it != end; it.increment(ignored)) {
    const auto name = it->path().filename().string();
    if (!name.starts_with(prefix) || !is_of_dead_process(std::string_view(name).substr(prefix.size()))) continue;
    std::error_code not_removed;
    fs::remove(it->path(), not_removed);
  }
}

std::string new_temporary_name(const std::string& target) {
  static std::atomic<unsigned> counter = 0;
  const auto name = temporary_prefix(target) + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  return (folder_of(target) / name).string();
}

void sync_folder(const std::string& target) {
  const FileDescriptor folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) fail_system("cannot write " + target);
}

}  // namespace

AtomicFiles::~AtomicFiles() { remove_temporaries(); }

OutputFile& AtomicFiles::open(const std::string& target) {
  check_target(target);
  remove_stale(target);
  const auto temporary = new_temporary_name(target);
  FileDescriptor descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!descriptor) fail_system("cannot write " + target + ": in folder " + folder_of(target).string());
  entries_.push_back({target, temporary, std::make_unique<OutputFile>(std::move(descriptor), target)});
  return *entries_.back().file;
}

void AtomicFiles::commit() {
  for (auto& entry : entries_) {
    if (durable_) entry.file->sync();
    entry.file->close();
  }
  try {
    for (auto& entry : entries_) place(entry);
    if (durable_) {
      for (const auto& entry : entries_) sync_folder(entry.target);
    }
  } catch (...) {
    roll_back();
    throw;
  }
  remove_temporaries();
}

// Where there was a file before, the two are exchanged, so that it can be put back when a later one fails.
void AtomicFiles::place(Entry& entry) {
  const char* from = entry.temporary.c_str();
  const char* to = entry.target.c_str();
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
    entry.replaced = true;
  } else if (::rename(from, to) != 0) {
    fail_system("cannot write " + entry.target);
  }
  entry.placed = true;
}

void AtomicFiles::roll_back() {
  for (const auto& entry : entries_) {
    if (!entry.placed) continue;
    if (entry.replaced) {
      ::rename(entry.temporary.c_str(), entry.target.c_str());
    } else {
      ::unlink(entry.target.c_str());
    }
  }
}

void AtomicFiles::remove_temporaries() {
  for (const auto& entry : entries_) {
    if (!entry.placed || entry.replaced) ::unlink(entry.temporary.c_str());
  }
  entries_.clear();
}

}  // namespace modelexport
