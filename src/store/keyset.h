// Reads a Keyset from any table whose rows have an increasing `seq`.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/text.h"
#include "store/database.h"
#include "store/records.h"
#include "store/sql.h"

namespace postern::store {

/// Searches texts for a needle, ignoring ASCII case.
class Needle {
 public:
  /// An empty text matches everything.
  explicit Needle(std::string_view text) : text_(lower(text)) {}
  /// Whether the needle is empty.
  bool everything() const { return text_.empty(); }
  /// Whether `hay` contains the needle.
  bool in(const std::string& hay) const {
    const auto same = [](char a, char b) { return to_lower(a) == b; };
    return std::search(hay.begin(), hay.end(), text_.begin(), text_.end(), same) != hay.end();
  }

 private:
  std::string text_;
};

/// What one search may examine: rows, or time, whichever ends first.
inline constexpr std::uint64_t search_budget = 20'000;
/// See search_budget. The time is checked every 256 rows.
inline constexpr std::chrono::milliseconds search_time{40};

/// Reads one slice. `sql` selects rows in descending order of `seq`, which is its column
/// `seq_column`; its last parameter is the exclusive upper bound of `seq`. `fits(row, needle)`
/// selects rows. Errors: Database's faults.
template <class OneRow, class Source, class Read, class Fits, class... Values>
auto slice_of(Source& source, std::string_view sql, int seq_column, const Keyset& keyset,
              Read&& read, Fits&& fits, const Values&... values)
    -> Result<Slice<decltype(read(std::declval<OneRow>()))>> {
  Slice<decltype(read(std::declval<OneRow>()))> found;
  const Needle needle(keyset.needle);
  std::uint64_t seen = 0;
  std::uint64_t last = 0;
  const auto end = std::chrono::steady_clock::now() + search_time;
  const auto late = [&] { return seen % 256 == 255 && std::chrono::steady_clock::now() > end; };
  const auto take = [&](const OneRow& row) {
    const bool searches = !needle.everything();
    if (found.rows.size() == keyset.limit || seen == search_budget || (searches && late())) {
      found.next = last;
      return false;
    }
    ++seen;
    last = static_cast<std::uint64_t>(row.integer(seq_column));
    if (fits(row, needle)) found.rows.push_back(read(row));
    return true;
  };
  const std::uint64_t top = std::numeric_limits<std::int64_t>::max();
  const Result<void> done =
      source.each(sql, take, values..., keyset.before == 0 ? top : keyset.before);
  if (!done) return tl::unexpected(done.error());
  return found;
}

/// Reads one slice from a database of SQLite.
template <class... Arguments>
auto slice(Database& database, const Arguments&... arguments) {
  return slice_of<Row>(database, arguments...);
}
/// Reads one slice from the control plane.
template <class... Arguments>
auto slice(const Sql& sql, const Arguments&... arguments) {
  return slice_of<SqlRow>(sql, arguments...);
}

}  // namespace postern::store
