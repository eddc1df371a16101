// Reading traces and their counts for pages: every call ends in time.
#include <algorithm>
#include <limits>

#include "store/trace_rows.h"
#include "store/trace_words.h"

namespace postern::store {

namespace {

/// The condition that an index serves, and its value; others are judged row by row.
struct Narrowed {
  std::string condition;
  std::optional<std::string> value;
};

Narrowed narrowed(const TraceSearch& search, const TraceWords& words) {
  if (search.webhook_id) return {"webhook_id = ?1", search.webhook_id};
  for (const Cidr& one : words.ip) {
    if (one.prefix() == (one.network().is_v4() ? 32 : 128))
      return {"client_ip = ?1", one.network().to_string()};
  }
  if (std::find(words.from.begin(), words.from.end(), "<>") != words.from.end()) {
    return {"mail_from = ?1", ""};
  }
  if (search.outcome && *search.outcome != "accepted") return {"outcome = ?1", search.outcome};
  if (search.account_id) return {"account_id = ?1", search.account_id};
  return {"?1 IS NULL", std::nullopt};
}

bool wanted(const TraceSearch& search, const TraceRow& row) {
  return (!search.account_id || row.account_id == search.account_id) &&
         (!search.webhook_id || row.webhook_id == search.webhook_id) &&
         (!search.outcome || row.outcome == *search.outcome);
}

}  // namespace

Result<TraceFound> TraceReader::search(const TraceSearch& search, const TraceWords& words) {
  constexpr std::size_t piece = 256;
  const auto begin = std::chrono::steady_clock::now();
  const Narrowed index = narrowed(search, words);
  const std::string sql =
      trace_columns + index.condition + " AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
  TraceFound found;
  std::uint64_t before =
      search.before != 0 ? search.before : std::numeric_limits<std::int64_t>::max();
  std::uint64_t seen = 0;
  const std::lock_guard lock(mutex_);
  if (const auto oldest = database_->one("SELECT time FROM trace ORDER BY seq LIMIT 1",
                                         [](const Row& row) { return row.time(0); });
      oldest && *oldest)
    found.oldest = **oldest;
  for (;;) {
    const std::size_t most = std::min<std::uint64_t>(
        seen == 0 ? search.limit + 1 : piece, std::max<std::uint64_t>(1, search.most_rows - seen));
    auto rows = database_->all(sql, trace_row, index.value, before, most);
    if (!rows) return tl::unexpected(rows.error());
    for (TraceRow& row : *rows) {
      // Rows stand in the order of their end, which is that of their beginning but for moments.
      const bool past = words.after && row.time < *words.after - std::chrono::hours(1);
      if (past) return found;
      const bool fits = wanted(search, row) && matches(words, row);
      if (fits && found.rows.size() == search.limit) {
        found.next = before;
        return found;
      }
      before = row.number;
      found.searched_to = row.time;
      ++seen;
      if (fits) found.rows.push_back(std::move(row));
    }
    if (rows->size() < most) return found;
    if (seen >= search.most_rows || std::chrono::steady_clock::now() - begin > search.most_time) {
      found.complete = false;
      found.next = before;
      return found;
    }
  }
}

Result<std::vector<TallyRow>> TraceReader::tallies(const TallyQuery& query) {
  const std::string scope = query.webhook_id   ? "w" + *query.webhook_id
                            : query.account_id ? "a" + *query.account_id
                                               : "g";
  // Slot by slot: the key begins with it, so that old ones are a piece of the table.
  constexpr const char* sql =
      "WITH RECURSIVE s(x) AS (VALUES(?2) UNION ALL SELECT x + 1 FROM s WHERE x + 1 < ?3)"
      " SELECT t.slot, t.outcome, t.code, t.enhanced, t.layer, t.rule, t.n"
      " FROM s CROSS JOIN tally t ON t.slot = s.x AND t.scope = ?1";
  const std::lock_guard lock(mutex_);
  return database_->all(
      sql,
      [](const Row& row) {
        return TallyRow{.at = from_millis(row.integer(0) * tally_slot_ms),
                        .outcome = row.text(1),
                        .code = static_cast<int>(row.integer(2)),
                        .enhanced = row.text(3),
                        .layer = row.text(4),
                        .rule = row.text(5),
                        .n = static_cast<std::uint64_t>(row.integer(6))};
      },
      scope, to_millis(query.from) / tally_slot_ms,
      (to_millis(query.until) + tally_slot_ms - 1) / tally_slot_ms);
}

Result<std::vector<DayCounts>> TraceReader::day_counts(const std::vector<std::string>& webhooks,
                                                       Time now) {
  const std::int64_t since = to_millis(now) / tally_hour_ms - 23;
  const std::lock_guard lock(mutex_);
  std::vector<DayCounts> counts;
  for (const std::string& id : webhooks) {
    const auto one = database_->one(
        "SELECT SUM(accepted), SUM(refused), SUM(deferred) FROM tally_hour WHERE webhook = ?1 AND "
        "hour >= ?2",
        [](const Row& row) {
          return DayCounts{static_cast<std::uint64_t>(row.integer(0)),
                           static_cast<std::uint64_t>(row.integer(1)),
                           static_cast<std::uint64_t>(row.integer(2))};
        },
        id, since);
    if (!one) return tl::unexpected(one.error());
    counts.push_back(one->value_or(DayCounts{}));
  }
  return counts;
}

}  // namespace postern::store
