// Changes of the database of a cluster that decide by what they read.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spool/pgsql_writer.h"

namespace postern::spool {

/// Runs conversations, several of them in one transaction, whose commit waits for a standby. All
/// that is documented at PgsqlWriter holds. Thread-safe.
class PgsqlConversations {
 public:
  /// What a statement said, or why it failed.
  using Said = tl::expected<net::PgsqlRows, net::PgsqlFailure>;
  /// Asks within the transaction.
  using Ask = std::function<Said(const char* sql, std::vector<net::PgsqlValue> values)>;
  /// One conversation; an error is one of `ask`. It may run more than once, so it must reset what
  /// it collects. `again`: an earlier end was unknown. It writes something, and the second time the
  /// same.
  using Converse = std::function<tl::expected<void, net::PgsqlFailure>(const Ask& ask, bool again)>;
  /// Called once, on a thread of the writer or on the caller's. It must not block.
  using Done = std::function<void(const Result<void>&)>;

  /// `database` is borrowed.
  PgsqlConversations(cluster::Database& database, PgsqlWriterOptions options);

  /// Queues one. Two that lock the same rows have the same `order`; several are taken in the order
  /// of it.
  void submit(std::string order, Converse converse, Done done, std::uint64_t octets = 0);
  /// The same, and waits for its end.
  Result<void> run(std::string order, Converse converse, std::uint64_t octets = 0);
  /// See PgsqlWriter::stop().
  void stop() { writer_.stop(); }

 private:
  struct Job {
    std::string order;
    Converse converse;
    Done done;
  };
  static net::PgsqlOutcome commit(net::PgsqlSession& session, std::span<std::shared_ptr<Job>> jobs,
                                  bool again);

  PgsqlWriter<std::shared_ptr<Job>> writer_;
};

}  // namespace postern::spool
