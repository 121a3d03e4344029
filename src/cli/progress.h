// What long work is at, for somebody who waits at a terminal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>

namespace modelexport::cli {

// Whether standard error is a terminal, and `err` writes to it.
[[nodiscard]] bool is_terminal(const std::ostream& err);

// One line that is written over and over, and wiped out at the end. Work that ends sooner shows nothing.
class Progress {
 public:
  // Silent unless `enabled`. `show_after` is also the time between two updates.
  Progress(std::ostream& out, bool enabled, std::chrono::milliseconds show_after = std::chrono::seconds(1));
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // What is being done from now on.
  void stage(const std::string& name);

 private:
  void show_until_done(std::chrono::milliseconds interval);

  std::ostream& out_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stage_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace modelexport::cli
