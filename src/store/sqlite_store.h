// The Store in one SQLite file, postern.db (WAL, synchronous=FULL): once the API answered 201, the
// object survives a power failure. One mutex guards one connection. A write takes about 0.2 ms and
// a flush of the disk, and the hot path reads from memory, so more connections would gain nothing.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "store/sql_store.h"

namespace postern::store {

/// The methods of Store are documented in store.h.
class SqliteStore final : public SqlStore {
 public:
  /// Opens or creates the file and migrates it. Use::beside only reads. Faults as for
  /// Database::open().
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, Use use = Use::own);

  Result<void> probe() override;
  Result<void> on_access_change(std::function<void(std::string_view id)> tell) override;
  Result<bool> written_elsewhere() override;
  Result<std::uint64_t> head() override { return 0; }
  Result<std::vector<Change>> changes(std::uint64_t, std::size_t) override {
    return std::vector<Change>();
  }
  std::uint64_t newest_own_change() const override { return 0; }

 private:
  explicit SqliteStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<Sql> reading() override { return Sql(*database_, mutex_); }
  Result<WriteOutcome> write(const AuditRow* audit, const Work& work, InDoubt in_doubt) override;
  Result<void> note(const std::function<Result<std::int64_t>(const Sql& sql)>& work) override;
  /// Reports the access changes recorded since the last call. After a commit, with the mutex held.
  void tell_access_changes();

  std::mutex mutex_;
  std::unique_ptr<Database> database_;
  std::int64_t data_version_ = 0;
  std::function<void(std::string_view id)> access_changed_;
};

}  // namespace postern::store
