// A session for reading, which is made again when it is lost.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "cluster/database.h"

namespace postern::spool {

/// Thread-safe; one statement at a time. What is read proves nothing: only a commit of one's own
/// does.
class PgsqlReader {
 public:
  explicit PgsqlReader(cluster::Database& database) : database_(database) {}

  /// Runs a SELECT, for `limit` at most. Fault::unreachable: PostgreSQL cannot be reached now, or
  /// does not answer in time.
  Result<net::PgsqlRows> ask(const net::PgsqlStatement& statement,
                             std::chrono::milliseconds limit = cluster::answer_limit) {
    auto said = ask_all(std::span(&statement, 1), limit);
    if (!said) return tl::unexpected(std::move(said.error()));
    return std::move(said->front());
  }

  /// The same with several SELECTs in one round trip; another commit may stand between two.
  Result<std::vector<net::PgsqlRows>> ask_all(
      std::span<const net::PgsqlStatement> statements,
      std::chrono::milliseconds limit = cluster::answer_limit) {
    const std::lock_guard guard(mutex_);
    Error error;
    // A session that idled over a failover fails once.
    for (int i = 0; i < 2; ++i) {
      if (!session_ || !session_->usable()) {
        auto session = database_.connect();
        if (!session) return tl::unexpected(session.error());
        session_ = std::move(*session);
      }
      auto said = session_->run(statements, cluster::Clock::now() + limit);
      if (said) return std::move(*said);
      error = {Fault::unreachable, "PostgreSQL: " + said.error().message};
      if (!said.error().state.empty()) break;
    }
    return tl::unexpected(error);
  }

 private:
  cluster::Database& database_;
  std::mutex mutex_;
  std::unique_ptr<net::PgsqlSession> session_;
};

}  // namespace postern::spool
