#include "store/sqlite_store.h"

#include "store/sqlite_schema.h"

namespace postern::store {

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, Use use) {
  auto database = Database::open(path, control_schema(), {.use = use});
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(*database)));
}

Result<WriteOutcome> SqliteStore::write(const AuditRow* audit, const Work& work,
                                        InDoubt /*in_doubt*/) {
  const Sql sql(*database_, mutex_);
  Result<Transaction> transaction = Transaction::begin(*database_);
  if (!transaction) return tl::unexpected(transaction.error());
  const WriteOutcome outcome = work(sql);
  if (outcome == WriteOutcome::done && audit != nullptr) insert_audit(sql, *audit);
  if (const std::optional<Error>& error = database_->transaction_error()) return outcome_of(*error);
  if (outcome != WriteOutcome::done) return outcome;
  if (const Result<void> kept = transaction->commit(); !kept) return tl::unexpected(kept.error());
  tell_access_changes();
  return WriteOutcome::done;
}

Result<void> SqliteStore::note(const std::function<Result<std::int64_t>(const Sql& sql)>& work) {
  const auto done = work(Sql(*database_, mutex_));
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> SqliteStore::probe() {
  const std::lock_guard lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(*database_);
  if (!transaction) return tl::unexpected(transaction.error());
  database_->execute("INSERT INTO server_secret (name, value) VALUES ('probe', zeroblob(65536))");
  database_->execute("DELETE FROM server_secret WHERE name = 'probe'");
  return transaction->commit();
}

/// Triggers catch every statement and every cascade. Inserts change nobody's access. Of a person's
/// frequent updates, only role, team and password matter.
Result<void> SqliteStore::on_access_change(std::function<void(std::string_view id)> tell) {
  const std::lock_guard lock(mutex_);
  for (const std::string_view sql :
       {"PRAGMA temp_store = MEMORY", "CREATE TEMP TABLE IF NOT EXISTS access_change (id TEXT)",
        "CREATE TEMP TRIGGER IF NOT EXISTS session_ends AFTER DELETE ON main.session "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS api_token_ends AFTER DELETE ON main.api_token "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS person_ends AFTER DELETE ON main.account "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END",
        "CREATE TEMP TRIGGER IF NOT EXISTS person_changes "
        "AFTER UPDATE OF role, team_id, password_hash ON main.account "
        "BEGIN INSERT INTO access_change VALUES (OLD.id); END"}) {
    const auto made = database_->execute(sql);
    if (!made) return tl::unexpected(made.error());
  }
  access_changed_ = std::move(tell);
  return {};
}

void SqliteStore::tell_access_changes() {
  if (!access_changed_) return;
  const auto ids =
      database_->all("SELECT id FROM access_change", [](const Row& row) { return row.text(0); });
  if (ids && ids->empty()) return;
  if (ids) {
    for (const std::string& id : *ids) access_changed_(id);
  } else {
    access_changed_("");  // the ids are unknown
  }
  database_->execute("DELETE FROM access_change");
}

Result<bool> SqliteStore::written_elsewhere() {
  const std::lock_guard lock(mutex_);
  const auto version = database_->number("PRAGMA data_version");
  if (!version) return tl::unexpected(version.error());
  const std::int64_t before = std::exchange(data_version_, *version);
  return before != 0 && before != *version;
}

}  // namespace postern::store
