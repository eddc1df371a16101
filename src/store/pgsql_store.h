// The Store of a cluster: PostgreSQL with synchronous replication. Every node edits; what the
// memory of nodes may hold of an edit is in the log of changes, by which the others follow.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "cluster/database.h"
#include "store/secret_seal.h"
#include "store/sql_store.h"

namespace postern::store {

/// Settings of the store of a cluster.
struct PgsqlStoreOptions {
  std::size_t sessions = 3;                   ///< with PostgreSQL at a time; further calls wait
  std::chrono::milliseconds patience{5'000};  ///< how long a call waits for PostgreSQL
  /// How long a write is repeated whose commit ended in doubt.
  std::chrono::milliseconds doubt{10'000};
  /// Of the secrets; null: they are stored as they are.
  std::shared_ptr<const SecretSeal> seal = nullptr;
};

/// The methods of Store are documented in store.h. Fault::unreachable: PostgreSQL cannot be reached
/// or does not answer; a write may have been done then.
class PgsqlStore final : public SqlStore {
 public:
  /// `database` is borrowed; it has the tables of pgsql_store_schema(). Fault::unreachable: it
  /// cannot be reached; Fault::permanent: it has no such tables; Fault::denied: check_seal().
  static Result<std::unique_ptr<PgsqlStore>> open(cluster::Database& database,
                                                  PgsqlStoreOptions options = {});
  ~PgsqlStore() override;

  Result<void> probe() override;
  Result<void> on_access_change(std::function<void(std::string_view id)> tell) override;
  Result<bool> written_elsewhere() override;
  Result<std::uint64_t> head() override;
  Result<std::vector<Change>> changes(std::uint64_t after, std::size_t limit) override;
  std::uint64_t newest_own_change() const override;

 private:
  class Session;
  /// How one run of a transaction ended.
  struct Attempt;
  using Until = cluster::Clock::time_point;

  PgsqlStore(cluster::Database& database, PgsqlStoreOptions options)
      : database_(database), options_(options) {}
  Result<Sql> reading() override;
  Result<WriteOutcome> write(const AuditRow* audit, const Work& work, InDoubt in_doubt) override;
  Result<void> note(const std::function<Result<std::int64_t>(const Sql& sql)>& work) override;
  Result<std::shared_ptr<Session>> borrow();
  void give_back(std::unique_ptr<net::PgsqlSession> session);
  Attempt attempt(std::string_view edit, const AuditRow* audit, const Work& work);
  bool pause(Until until) const;
  void note_own(std::uint64_t number);

  cluster::Database& database_;
  const PgsqlStoreOptions options_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable given_back_;
  std::size_t in_use_ = 0;
  std::vector<std::unique_ptr<net::PgsqlSession>> idle_;
  std::function<void(std::string_view id)> access_changed_;
  Change last_read_;              ///< the newest that changes() has returned, without its keys
  std::uint64_t newest_own_ = 0;  ///< the highest number of this store's changes
  std::set<std::uint64_t> own_;   ///< the numbers of its changes above `seen_`
  std::optional<std::uint64_t> seen_ = {};  ///< the head at the last written_elsewhere()
};

}  // namespace postern::store
