// A pool of idle database connections. Blocking: for the threads of a WorkPool.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"

namespace postern::net {

/// Calls `connect(server, deadline)` for each server in turn until one succeeds. The remaining time
/// is divided among the remaining servers, so a server that hangs does not use it up. If all fail,
/// the error has their messages, separated by "; ". Fault::malformed: no servers.
template <class Connection, class Connect>
Result<std::unique_ptr<Connection>> first_that_connects(
    const std::vector<std::string>& servers, std::chrono::steady_clock::time_point deadline,
    Connect connect) {
  Result<std::unique_ptr<Connection>> made = fail(Fault::malformed, "no servers");
  std::string earlier;
  for (std::size_t i = 0; i < servers.size() && !made; ++i) {
    const auto now = std::chrono::steady_clock::now();
    made = connect(servers[i], now + (deadline - now) / static_cast<int>(servers.size() - i));
    if (made) break;
    made.error().message.insert(0, earlier);
    earlier = made.error().message + "; ";
  }
  return made;
}

/// The result of using a connection.
template <class T>
struct Used {
  /// Of the operation.
  Result<T> result;
  bool broken = false;    ///< the connection must be closed
  bool may_retry = true;  ///< if broken: another connection may give an answer
};

/// Idle connections: at most as many as were in use at once, so at most one per thread.
/// Thread-safe.
template <class Connection>
class ConnectionShelf {
 public:
  /// Runs `use` on an idle or a new connection. `use(Connection&)` returns a Used<T>, `connect()` a
  /// Result<std::unique_ptr<Connection>>. If an idle connection is broken, it tries once more with
  /// a new one.
  template <class Connect, class Use>
  auto with(Connect connect, Use use) -> decltype(use(std::declval<Connection&>()).result) {
    if (std::unique_ptr<Connection> waiting = take()) {
      auto used = use(*waiting);
      if (!used.broken) {
        put(std::move(waiting));
        return std::move(used.result);
      }
      if (!used.may_retry) return std::move(used.result);
    }
    Result<std::unique_ptr<Connection>> fresh = connect();
    if (!fresh) return tl::unexpected(fresh.error());
    auto used = use(**fresh);
    if (!used.broken) put(std::move(*fresh));
    return std::move(used.result);
  }

 private:
  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return nullptr;
    std::unique_ptr<Connection> last = std::move(waiting_.back());
    waiting_.pop_back();
    return last;
  }
  void put(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(connection));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> waiting_;
};

}  // namespace postern::net
