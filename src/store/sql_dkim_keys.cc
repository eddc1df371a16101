// SqlStore: the DKIM keys of domains.
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;

namespace {

#define POSTERN_DKIM_KEY_COLUMNS                                                           \
  "k.domain_id, d.name, d.account_id, k.selector, k.algorithm, k.public_record, k.state, " \
  "k.created_at, k.updated_at"
#define POSTERN_DKIM_KEY_TABLES " FROM dkim_key k JOIN domain d ON d.id = k.domain_id "

constexpr const char* state_name(bool signing) { return signing ? "signing" : "published"; }

DkimKeyRow listed(const SqlRow& row) {
  return {.domain_id = row.text(0),
          .domain = row.text(1),
          .account_id = row.text(2),
          .selector = row.text(3),
          .algorithm = row.text(4),
          .public_record = row.text(5),
          .signing = row.text(6) == state_name(true),
          .created_at = row.time(7),
          .updated_at = row.time(8)};
}

DkimKeyRow with_private_key(const SqlRow& row) {
  DkimKeyRow key = listed(row);
  key.private_key = row.secret(9);
  return key;
}

}  // namespace

Result<WriteOutcome> SqlStore::create_dkim_key(const DkimKeyRow& key, std::uint64_t most,
                                               const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(key.account_id);
    const auto here = sql.number("SELECT count(*) FROM domain WHERE id = ? AND account_id = ?",
                                 key.domain_id, key.account_id);
    if (here.value_or(0) == 0) return WriteOutcome::not_found;
    const auto has = sql.number("SELECT count(*) FROM dkim_key WHERE domain_id = ?", key.domain_id);
    if (has.value_or(0) >= static_cast<std::int64_t>(most)) return WriteOutcome::in_use;
    sql.execute(
        "INSERT INTO dkim_key (domain_id, selector, algorithm, private_key, public_record, state, "
        "created_at, updated_at) VALUES (?,?,?,?,?,?,?,?)",
        key.domain_id, key.selector, key.algorithm, key.private_key, key.public_record,
        state_name(key.signing), key.created_at, key.updated_at);
    return WriteOutcome::done;
  });
}

Result<std::vector<DkimKeyRow>> SqlStore::dkim_keys(std::string_view account,
                                                    std::string_view domain_id) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all("SELECT " POSTERN_DKIM_KEY_COLUMNS POSTERN_DKIM_KEY_TABLES
                  "WHERE k.domain_id = ? AND d.account_id = ? ORDER BY k.seq DESC",
                  listed, domain_id, account);
}

Result<WriteOutcome> SqlStore::set_dkim_key_signing(std::string_view account,
                                                    std::string_view domain_id,
                                                    std::string_view selector, bool signing,
                                                    Time at, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto changed = sql.execute(
        "UPDATE dkim_key SET state = ?, updated_at = ? WHERE selector = ? AND domain_id = "
        "(SELECT id FROM domain WHERE id = ? AND account_id = ?)",
        state_name(signing), at, selector, domain_id, account);
    return affected(changed) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::delete_dkim_key(std::string_view account, std::string_view domain_id,
                                               std::string_view selector, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto state = sql.one(
        "SELECT k.state" POSTERN_DKIM_KEY_TABLES
        "WHERE k.domain_id = ? AND d.account_id = ? AND k.selector = ?",
        [](const SqlRow& row) { return row.text(0); }, domain_id, account, selector);
    if (!rows::found(state)) return WriteOutcome::not_found;
    if (**state == state_name(true)) return WriteOutcome::in_use;
    sql.execute("DELETE FROM dkim_key WHERE domain_id = ? AND selector = ?", domain_id, selector);
    return WriteOutcome::done;
  });
}

Result<void> SqlStore::each_dkim_signing_key(const std::function<void(DkimKeyRow)>& take,
                                             const std::string& domain) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  const std::string all =
      "SELECT " POSTERN_DKIM_KEY_COLUMNS ", k.private_key" POSTERN_DKIM_KEY_TABLES
      "WHERE d.verified AND k.state = 'signing'";
  const std::string order = " ORDER BY k.domain_id, k.seq DESC";
  const auto read = [&](const SqlRow& row) {
    DkimKeyRow key = with_private_key(row);
    key.unreadable = row.take_trouble();
    take(std::move(key));
  };
  return domain.empty() ? sql->each(all + order, read)
                        : sql->each(all + " AND d.name = ?" + order, read, domain);
}

}  // namespace postern::store
