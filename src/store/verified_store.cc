#include "store/verified_store.h"

#include <algorithm>
#include <utility>

namespace postern::store {

namespace {

constexpr const char* verified_migrations[] = {R"sql(
CREATE TABLE verified (
  address TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  why TEXT NOT NULL,
  found INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX verified_found ON verified(found);
)sql"};
constexpr Schema verified_file_schema{.application_id = 0x506f5665,
                                      .migrations = verified_migrations};  // "PoVe"

VerifiedRow verified_row(const Row& row) {
  return {row.text(0), row.integer(1), row.text(2), row.time(3)};
}

/// Rows above the limit that one write removes: more than it adds.
constexpr std::int64_t verified_room_rows = 2;

}  // namespace

const Schema& verified_schema() { return verified_file_schema; }

VerifiedStore::VerifiedStore(std::unique_ptr<Database> database, std::size_t most)
    : database_(std::move(database)), most_(most) {}

Result<std::unique_ptr<VerifiedStore>> VerifiedStore::open(const std::string& path,
                                                           std::size_t most) {
  auto database = Database::open(path, verified_file_schema, {.sync = Sync::normal});
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<VerifiedStore>(new VerifiedStore(std::move(*database), most));
}

Result<std::vector<VerifiedRow>> VerifiedStore::all() {
  auto rows =
      database_->all("SELECT address, kind, why, found FROM verified ORDER BY found", verified_row);
  if (!rows) return rows;
  *rows_ = rows->size();
  // As many as are kept stay; the rest is of a larger limit, and goes with the next writes.
  const std::size_t extra = rows->size() > most_ ? rows->size() - most_ : 0;
  rows->erase(rows->begin(), rows->begin() + static_cast<std::ptrdiff_t>(extra));
  writer_ = std::make_unique<BatchWriter>(*database_, BatchWriterOptions{.thread = "verified"});
  return rows;
}

Result<std::optional<VerifiedRow>> VerifiedStore::find(const std::string& address) {
  return database_->one("SELECT address, kind, why, found FROM verified WHERE address = ?",
                        verified_row, address);
}

void VerifiedStore::keep(VerifiedRow row) {
  if (!writer_) return;
  writer_->post([row = std::move(row), rows = rows_, most = most_](Database& database) {
    // SQLite's error is kept by the transaction, which counts it.
    const auto is_new = database.execute("DELETE FROM verified WHERE address = ?", row.address);
    (void)database.execute("INSERT OR REPLACE INTO verified VALUES (?, ?, ?, ?)", row.address,
                           row.kind, row.why, row.found);
    if (is_new && *is_new == 0) ++*rows;
    if (*rows <= most) return;
    const auto gone = database.execute(
        "DELETE FROM verified WHERE address IN (SELECT address FROM verified ORDER BY found "
        "LIMIT ?)",
        verified_room_rows);
    if (gone) *rows -= std::min(*rows, static_cast<std::size_t>(*gone));
  });
}

}  // namespace postern::store
