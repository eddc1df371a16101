// A shared pointer that one thread replaces while others read it.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace postern {

/// In place of std::atomic<std::shared_ptr>: libstdc++ 12 releases its lock there with relaxed
/// order, which is a race (docs/decisions/0045-stopping.md). tools/check-shapes refuses that one.
template <class T>
class SharedPointer {
 public:
  SharedPointer() = default;
  explicit SharedPointer(std::shared_ptr<T> first) : value_(std::move(first)) {}
  SharedPointer(const SharedPointer&) = delete;
  SharedPointer& operator=(const SharedPointer&) = delete;

  std::shared_ptr<T> load() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  /// What was held before is released after the lock.
  void store(std::shared_ptr<T> next) {
    const std::lock_guard lock(mutex_);
    value_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<T> value_;
};

}  // namespace postern
