// How a Keyset is read, over any table whose rows have a growing `seq`.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/text.h"
#include "store/database.h"
#include "store/records.h"

namespace postern::store {

/// Whether a text has a needle in it, without regard to ASCII case.
class Needle {
 public:
  explicit Needle(std::string_view text) : text_(lower(text)) {}
  bool everything() const { return text_.empty(); }
  bool in(const std::string& hay) const {
    const auto same = [](char a, char b) { return to_lower(a) == b; };
    return std::search(hay.begin(), hay.end(), text_.begin(), text_.end(), same) != hay.end();
  }

 private:
  std::string text_;
};

/// What one call looks at while it searches, rows and time, whichever ends first.
inline constexpr std::uint64_t search_budget = 20'000;
inline constexpr std::chrono::milliseconds search_time{40};

/// `sql` selects rows in descending order of `seq`, which is its column `seq_column`; its last
/// parameter is the seq to stay below. `fits(row, needle)` is asked when something is searched for.
template <class Read, class Fits, class... Values>
auto slice(Database& database, std::string_view sql, int seq_column, const Keyset& keyset,
           Read&& read, Fits&& fits, const Values&... values)
    -> Result<Slice<decltype(read(std::declval<Row>()))>> {
  Slice<decltype(read(std::declval<Row>()))> found;
  const Needle needle(keyset.needle);
  std::uint64_t seen = 0;
  std::uint64_t last = 0;
  const auto end = std::chrono::steady_clock::now() + search_time;
  const auto late = [&] { return seen % 256 == 255 && std::chrono::steady_clock::now() > end; };
  const auto take = [&](const Row& row) {
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
      database.each(sql, take, values..., keyset.before == 0 ? top : keyset.before);
  if (!done) return tl::unexpected(done.error());
  return found;
}

}  // namespace postern::store
