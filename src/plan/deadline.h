// How long a proof may take.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace postern::plan {

/// The end of so much CPU time of the thread that makes it, which other programs do not shorten, or
/// of five times as much by the clock. To be asked on that thread.
class Deadline {
 public:
  using Milliseconds = std::chrono::milliseconds;
  explicit Deadline(Milliseconds time)
      : cpu_(cpu_now() + time),
        earliest_(Clock::now() + time),
        wall_(Clock::now() + times_by_the_clock * time) {}

  bool is_over() const {
    const auto now = Clock::now();
    // No thread uses more time than there is: the system is asked only then.
    return now >= earliest_ && (cpu_now() >= cpu_ || now >= wall_);
  }
  /// CPU time that is left; 0 if it is over.
  Milliseconds left() const {
    if (Clock::now() >= wall_) return Milliseconds(0);
    return std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(cpu_ - cpu_now()));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int times_by_the_clock = 5;

  static std::chrono::nanoseconds cpu_now() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }

  std::chrono::nanoseconds cpu_;
  Clock::time_point earliest_;
  Clock::time_point wall_;
};

}  // namespace postern::plan
