// Those who wait for one answer, and may leave before it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace postern::app {

/// Weak pointers to all who wait. Those who left are dropped when there may be as many as those who
/// stayed, so that one more costs O(1). Not thread-safe.
template <class Waiter>
class Waiters {
 public:
  /// One more waits.
  void add(std::weak_ptr<Waiter> one) {
    if (all_.size() >= sweep_at_) {
      examined_ += all_.size();
      std::erase_if(all_, [](const auto& other) { return other.expired(); });
      sweep_at_ = std::max(least, 2 * all_.size());
    }
    all_.push_back(std::move(one));
  }
  /// All, some of whom may have left.
  std::vector<std::weak_ptr<Waiter>> take() && { return std::move(all_); }

  /// How many are held.
  std::size_t size() const { return all_.size(); }
  /// How many were looked at by all calls of add(), for tests.
  std::size_t examined() const { return examined_; }

 private:
  static constexpr std::size_t least = 16;

  std::vector<std::weak_ptr<Waiter>> all_;
  std::size_t sweep_at_ = least;
  std::size_t examined_ = 0;
};

}  // namespace postern::app
