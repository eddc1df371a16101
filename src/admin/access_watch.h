// Ends long requests (a live tail, a long poll, a download) when their caller loses access. A
// change wakes the waiting request, which is then judged again as at its start (Authenticator). No
// polling.
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

/// Distributes changes of access to watches. Safe from any thread. Must outlive its watches.
class AccessChanges {
 public:
  /// No watches yet.
  AccessChanges();
  ~AccessChanges();
  AccessChanges(const AccessChanges&) = delete;
  AccessChanges& operator=(const AccessChanges&) = delete;

  /// The rights of this id (person, team, session or API token) have changed or ended; "": those of
  /// unknown ids.
  void changed(std::string_view id);

 private:
  friend class AccessWatch;
  struct Waker;
  std::mutex mutex_;
  std::set<std::shared_ptr<Waker>> wakers_;
};

/// Waits for changes that concern one request. Use it on one event loop.
class AccessWatch {
 public:
  /// `ids`: those whose changes concern the request.
  AccessWatch(AccessChanges& changes, std::vector<std::string> ids);
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

  /// Returns when something has changed since the last settle(), or at `until` (nullopt: never).
  Task<void> changed(std::optional<std::chrono::system_clock::time_point> until);
  /// The number of changes so far. Read it before judging the access.
  std::uint64_t seen() const;
  /// Whether nothing has changed since the last settle().
  bool is_settled() const { return seen() == settled_; }
  /// The access was judged after `seen` changes.
  void settle(std::uint64_t seen);

 private:
  AccessChanges& changes_;
  const std::shared_ptr<AccessChanges::Waker> waker_;
  /// No judgement yet, so the first changed() returns at once.
  std::uint64_t settled_ = ~std::uint64_t{0};
};

}  // namespace postern::admin
