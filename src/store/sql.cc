#include "store/sql.h"

namespace postern::store {

Time SqlRow::time(int column) const {
  if (sqlite_ != nullptr) return sqlite_->time(column);
  return std::chrono::floor<Time::duration>(rows_->time(at_, column));
}

std::optional<Time> SqlRow::optional_time(int column) const {
  return is_null(column) ? std::nullopt : std::optional(time(column));
}

// The one place where a secret leaves the database.
Secret SqlRow::secret(int column) const {
  if (session_ == nullptr) return Secret(text(column));
  std::optional<Secret> opened = session_->open(text(column));
  if (opened) return std::move(*opened);
  spoil(
      "a secret in the cluster's database cannot be opened: it is damaged, or was written without "
      "`seal_key_file`");
  return {};
}

}  // namespace postern::store
