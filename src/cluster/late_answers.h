// Answers in the place of a database that takes too long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "cluster/database.h"

namespace postern::cluster {

/// Runs functions after one patience, in their order, on a thread. Thread-safe.
class LateAnswers {
 public:
  /// `thread`: its name.
  LateAnswers(std::string thread, std::chrono::milliseconds patience);
  /// Runs all that are left at once.
  ~LateAnswers();
  LateAnswers(const LateAnswers&) = delete;
  LateAnswers& operator=(const LateAnswers&) = delete;

  /// Runs this when the patience is over.
  void add(std::function<void()> answer);

 private:
  void run();

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<Clock::time_point, std::function<void()>>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postern::cluster
