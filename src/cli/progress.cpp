#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

namespace modelexport::cli {
namespace {

// ECMA-48: back to the beginning of the line, and erase it.
constexpr const char* kWipe = "\r\033[K";

}  // namespace

bool is_terminal(const std::ostream& err) { return &err == &std::cerr && ::isatty(STDERR_FILENO) != 0; }

Progress::Progress(std::ostream& out, bool enabled, std::chrono::milliseconds show_after) : out_(out) {
  if (enabled) thread_ = std::thread([this, show_after] { show_until_done(show_after); });
}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Progress::stage(const std::string& name) {
  const std::lock_guard lock(mutex_);
  stage_ = name;
}

void Progress::show_until_done(std::chrono::milliseconds interval) {
  std::unique_lock lock(mutex_);
  bool shown = false;
  while (!changed_.wait_for(lock, interval, [this] { return done_; })) {
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    out_ << fmt::format("{}{} ({:.0f} s)", kWipe, stage_, seconds) << std::flush;
    shown = true;
  }
  if (shown) out_ << kWipe << std::flush;
}

}  // namespace modelexport::cli
