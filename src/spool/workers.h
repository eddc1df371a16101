// A few threads for what waits for the disk beside the writer: files of large bodies.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/thread.h"

namespace postern::spool {

class Workers {
 public:
  /// Threads named NAME-0, NAME-1, …
  Workers(unsigned threads, const std::string& name) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.push_back(named_thread(name + "-" + std::to_string(i), [this] { run(); }));
    }
  }
  ~Workers() { stop(); }

  /// Runs `job` on one of the threads, in no particular order; after stop() at once, on this one.
  void post(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        jobs_.push_back(std::move(job));
        work_.notify_one();
        return;
      }
    }
    job();
  }

  /// Returns when everything posted has run.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      work_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace postern::spool
