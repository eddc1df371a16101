// A shared pointer that one thread replaces while others read it.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace postern {

/// A mutex around a std::shared_ptr. std::atomic<std::shared_ptr> of libstdc++ 12 unlocks with
/// relaxed order, which is a data race (docs/decisions/0045-stopping.md); tools/check-shapes
/// rejects it. Thread-safe.
template <class T>
class SharedPointer {
 public:
  SharedPointer() = default;
  explicit SharedPointer(std::shared_ptr<T> first) : value_(std::move(first)) {}
  SharedPointer(const SharedPointer&) = delete;
  SharedPointer& operator=(const SharedPointer&) = delete;

  /// The current value; it stays valid for its holder after a store().
  std::shared_ptr<T> load() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  /// Replaces the value. The old value is released after the lock.
  void store(std::shared_ptr<T> next) {
    const std::lock_guard lock(mutex_);
    value_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<T> value_;
};

}  // namespace postern
