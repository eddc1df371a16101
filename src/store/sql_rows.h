// Conversions between the rows of the control plane and the types of records.h, for the files of
// SqlStore.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "store/records.h"
#include "store/sql.h"
#include "store/store.h"

namespace postern::store::rows {

/// The number of changed rows; 0 if the statement failed.
inline std::int64_t affected(const Result<std::int64_t>& changed) { return changed.value_or(0); }
/// Whether a count is not zero; false if the statement failed.
inline bool exists(const Result<std::int64_t>& found) { return found.value_or(0) != 0; }

/// Whether a row was read; false also if the statement failed, whose error the transaction keeps.
template <class T>
bool found(const Result<std::optional<T>>& row) {
  return row && row->has_value();
}

/// The words, each on a line of its own.
std::string join(const std::vector<std::string>& words);
/// The inverse of join().
std::vector<std::string> split_words(const std::string& text);
/// A JSON object of field names and values.
std::string headers_to_json(const std::map<std::string, std::string>& headers);
/// The inverse of headers_to_json(). nullopt: `text` is no JSON object of strings.
std::optional<std::map<std::string, std::string>> headers_from_json(const std::string& text);

/// The columns of a SELECT and the members of `T` that they are read into.
template <class T>
class Columns {
 public:
  /// A column.
  struct Column {
    std::string_view sql;  ///< its name, or an expression in parentheses, which is not stored
    void (*read)(const SqlRow& row, int at, T& into);  ///< reads the column `at`
  };
  /// Static texts, in the order of the SELECT.
  Columns(std::initializer_list<Column> columns) : columns_(columns) {
    for (const Column& one : columns) {
      const std::string text = (list.empty() ? "" : ", ") + std::string(one.sql);
      list += text;
      if (!one.sql.starts_with('(')) stored += text;
    }
  }
  /// Reads a row that begins with `list`.
  T operator()(const SqlRow& row) const {
    T made;
    for (int at = 0; at < count(); ++at) columns_[static_cast<std::size_t>(at)].read(row, at, made);
    return made;
  }
  /// Number of columns.
  int count() const { return static_cast<int>(columns_.size()); }
  /// The place in `list` of a column that is in it.
  int at(std::string_view sql) const {
    return static_cast<int>(std::ranges::find(columns_, sql, &Column::sql) - columns_.begin());
  }
  std::string list;    ///< of a SELECT: "id, name, (SELECT ...)"
  std::string stored;  ///< of an INSERT: without expressions

 private:
  std::vector<Column> columns_;
};

/// Reads the rows of `select` that `which` names, oldest first, as Sql::each().
template <class Read>
Result<void> each_of(const Sql& sql, const std::string& select, const Which& which, Read&& read) {
  if (which.account.empty() && !which.domain.empty()) {
    return sql.each(select + " WHERE domain = ? ORDER BY seq", read, which.domain);
  }
  if (which.account.empty()) return sql.each(select + " ORDER BY seq", read);
  if (which.id.empty()) {
    return sql.each(select + " WHERE account_id = ? ORDER BY seq", read, which.account);
  }
  return sql.each(select + " WHERE id = ? AND account_id = ?", read, which.id, which.account);
}

extern const Columns<AccountRow> account;
extern const Columns<SessionRow> session;     ///< with the current state of its person
extern const Columns<ApiTokenRow> api_token;  ///< with the current state of its maker
extern const Columns<PolicyRow> policy;       ///< without credentials
extern const Columns<WebhookRow> webhook;
extern const Columns<DomainRow> domain;

}  // namespace postern::store::rows
