// When somebody's access may have ended: who waits for long (a live tail, a long poll, a download)
// is woken and judged anew, by the rule that let it in (Authenticator). Nothing is asked while
// nothing happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"

namespace postern::admin {

class AccessWatch;

/// Safe from any thread. Outlives its watches.
class AccessChanges {
 public:
  AccessChanges();
  ~AccessChanges();
  AccessChanges(const AccessChanges&) = delete;
  AccessChanges& operator=(const AccessChanges&) = delete;

  /// What somebody with this id (person, team, session or API token) may has changed, perhaps to
  /// nothing; "": anybody's.
  void changed(std::string_view id);

 private:
  friend class AccessWatch;
  struct Waker;
  std::mutex mutex_;
  std::set<std::shared_ptr<Waker>> wakers_;
};

/// One who waits. Used on one event loop.
class AccessWatch {
 public:
  AccessWatch(AccessChanges& changes, std::vector<std::string> ids);
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

  /// Returns when something has changed since the last settle(), or at `until`.
  Task<void> changed(std::optional<std::chrono::system_clock::time_point> until);
  /// How often it has changed: to be read before it is judged.
  std::uint64_t seen() const;
  bool is_settled() const { return seen() == settled_; }
  /// What had changed up to `seen` was judged.
  void settle(std::uint64_t seen);

 private:
  AccessChanges& changes_;
  const std::shared_ptr<AccessChanges::Waker> waker_;
  /// Nothing was judged since the watch began: the first changed() returns at once.
  std::uint64_t settled_ = ~std::uint64_t{0};
};

}  // namespace postern::admin
