// Threads for work that blocks on the disk, beside the writer: the files of large bodies. Unlike
// net::WorkPool, which refuses jobs when it is full or stopped and resumes coroutines, these run
// every job that is posted: what a spool has begun must be completed or undone.
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

/// A fixed number of worker threads. post() is thread-safe.
class Workers {
 public:
  /// Starts threads named NAME-0, NAME-1, …
  Workers(unsigned threads, const std::string& name) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.push_back(named_thread(name + "-" + std::to_string(i), [this] { run(); }));
    }
  }
  /// As stop().
  ~Workers() { stop(); }

  /// Runs `job` on one of the threads; jobs may overtake each other. After stop() it runs at once,
  /// on the caller's thread.
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

  /// Waits until all posted jobs have run, and ends the threads. May be called again.
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
