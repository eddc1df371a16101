// SqlStore: the revisions of the gateway's restriction lists.
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

namespace {

using Source = ListRevisionRow::Source;

#define POSTERN_LIST_COLUMNS "revision, source, definition, actor, note, created_at"

ListRevisionRow revision(const SqlRow& row) {
  const std::string source = row.text(1);
  return {.revision = static_cast<std::uint64_t>(row.integer(0)),
          .source = source == "file"  ? Source::file
                    : source == "api" ? Source::api
                                      : Source::rollback,
          .definition = row.text(2),
          .actor = row.text(3),
          .note = row.text(4),
          .created_at = row.time(5)};
}

}  // namespace

std::string_view to_string(Source source) {
  switch (source) {
    case Source::file:
      return "file";
    case Source::api:
      return "api";
    case Source::rollback:
      break;
  }
  return "rollback";
}

Result<WriteOutcome> SqlStore::add_list_revision(ListRevisionRow& row, std::uint64_t newest,
                                                 const AuditRow* audit) {
  const Result<WriteOutcome> kept = write(audit, [&](const Sql& sql) {
    sql.on_pgsql("SELECT 1 FROM list_head FOR UPDATE");
    const auto stored = sql.number("SELECT coalesce(max(revision), 0) FROM list_revision");
    if (!stored || static_cast<std::uint64_t>(*stored) != newest) return WriteOutcome::stale;
    sql.execute("INSERT INTO list_revision (" POSTERN_LIST_COLUMNS ") VALUES (?,?,?,?,?,?)",
                newest + 1, to_string(row.source), row.definition, row.actor, row.note,
                row.created_at);
    return WriteOutcome::done;
  });
  if (kept && *kept == WriteOutcome::done) row.revision = newest + 1;
  return kept;
}

Result<std::optional<ListRevisionRow>> SqlStore::newest_list_revision() {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " POSTERN_LIST_COLUMNS
                  " FROM list_revision ORDER BY revision DESC LIMIT 1",
                  revision);
}

Result<std::optional<ListRevisionRow>> SqlStore::newest_file_revision() {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " POSTERN_LIST_COLUMNS
                  " FROM list_revision WHERE source = 'file' ORDER BY revision DESC LIMIT 1",
                  revision);
}

Result<std::optional<ListRevisionRow>> SqlStore::list_revision(std::uint64_t number) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " POSTERN_LIST_COLUMNS " FROM list_revision WHERE revision = ?", revision,
                  number);
}

Result<Listed<ListRevisionRow>> SqlStore::list_revisions(const Page& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = sql->all("SELECT " POSTERN_LIST_COLUMNS
                        " FROM list_revision ORDER BY revision DESC LIMIT ? OFFSET ?",
                        revision, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  // Revisions have no gaps: the newest number is their count.
  const auto total = sql->number("SELECT coalesce(max(revision), 0) FROM list_revision");
  if (!total) return tl::unexpected(total.error());
  return Listed<ListRevisionRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

}  // namespace postern::store
