// For tests: commits that wait for a standby.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "base/patience_test.h"
#include "cluster/database.h"

namespace postern::tests {

/// While it lives, commits of the server wait for a standby that does not come. The setting is in
/// force when PostgreSQL's checkpointer has read it, which no session sees; so a commit is tried.
class HeldCommits {
 public:
  explicit HeldCommits(cluster::Database& database)
      : database_(database), session_(*database.connect()) {
    set("SET synchronous_standby_names = 'nobody'", true);
  }
  ~HeldCommits() { release(); }
  HeldCommits(const HeldCommits&) = delete;
  HeldCommits& operator=(const HeldCommits&) = delete;

  /// From now on commits wait no more.
  void release() {
    if (is_held_) set("RESET synchronous_standby_names", false);
    is_held_ = false;
  }

 private:
  using Limit = std::chrono::milliseconds;

  static auto run(net::PgsqlSession& session, const std::string& sql, Limit limit) {
    return session.run({.sql = sql, .values = {}}, cluster::Clock::now() + limit);
  }
  void set(const std::string& what, bool wanted) {
    constexpr Limit longest = patience;
    EXPECT_TRUE(run(*session_, "ALTER SYSTEM " + what, longest));
    EXPECT_TRUE(run(*session_, "SELECT pg_reload_conf()", longest));
    const auto end = cluster::Clock::now() + longest;
    while (do_commits_wait() != wanted) {
      ASSERT_LT(cluster::Clock::now(), end) << what << " is not in force";
      std::this_thread::sleep_for(Limit(1));
    }
  }
  /// Whether a transaction that writes waits; that one is ended.
  bool do_commits_wait() {
    constexpr Limit longest = patience;
    const auto writer = *database_.connect();
    const auto process = run(*writer, "SELECT pg_backend_pid()", longest);
    if (!process) return false;
    const std::string pid = std::to_string(process->integer(0, 0));
    constexpr Limit a_moment{50};
    if (run(*writer, "SELECT pg_logical_emit_message(true, 'test', '')", a_moment)) return false;
    const auto ended =
        run(*session_,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = " + pid +
                " AND wait_event = 'SyncRep'",
            longest);
    return ended && ended->size() > 0;
  }

  cluster::Database& database_;
  std::unique_ptr<net::PgsqlSession> session_;
  bool is_held_ = true;
};

}  // namespace postern::tests
