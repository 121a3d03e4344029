// The stages of a piece of work: when each began, how long it took, and who is told.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelexport {

struct StageTime {
  std::string name;
  double start = 0;  // seconds of the steady clock
  double seconds = 0;
};

class Stages {
 public:
  // Called at the beginning of each stage with its name; it may throw to end the work there.
  std::function<void(const std::string&)> observer{};

  // Runs `work` as a stage of this name. A name may occur more than once.
  template <typename Work>
  decltype(auto) run(std::string name, Work&& work) {
    if (observer) observer(name);
    struct Clock {
      Stages& stages;
      std::string name;
      double start = now();
      ~Clock() { stages.times_.push_back({std::move(name), start, now() - start}); }
    } clock{*this, std::move(name)};
    return std::forward<Work>(work)();
  }
  // A stage that was timed elsewhere.
  void add(StageTime time) { times_.push_back(std::move(time)); }

  [[nodiscard]] const std::vector<StageTime>& times() const { return times_; }
  // In all stages of this name.
  [[nodiscard]] double seconds(std::string_view name) const {
    double total = 0;
    for (const StageTime& time : times_) total += time.name == name ? time.seconds : 0;
    return total;
  }

  [[nodiscard]] static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

 private:
  std::vector<StageTime> times_;
};

}  // namespace modelexport
