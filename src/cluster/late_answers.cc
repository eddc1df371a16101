#include "cluster/late_answers.h"

#include "base/thread.h"

namespace postern::cluster {

LateAnswers::LateAnswers(std::string thread, std::chrono::milliseconds patience)
    : patience_(patience), thread_(named_thread(thread.c_str(), [this] { run(); })) {}

LateAnswers::~LateAnswers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LateAnswers::add(std::function<void()> answer) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(Clock::now() + patience_, std::move(answer));
  }
  wake_.notify_one();
}

void LateAnswers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (waiting_.empty()) {
      if (stopping_) return;
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      continue;
    }
    if (!stopping_ && Clock::now() < waiting_.front().first) {
      const auto until = waiting_.front().first;
      wake_.wait_until(lock, until, [this] { return stopping_; });
      continue;
    }
    const auto answer = std::move(waiting_.front().second);
    waiting_.pop_front();
    lock.unlock();
    answer();
    lock.lock();
  }
}

}  // namespace postern::cluster
