#include <algorithm>
#include <limits>

#include "store/trace_words.h"
#include "store/traces.h"

namespace postern::store {

namespace {

/// Rows are ordered by the end of the transaction. Their start times differ from that order by its
/// duration, which is at most this.
constexpr std::chrono::hours longest_transaction{1};
/// Rows between two checks of the clock.
constexpr std::uint64_t rows_between_clocks = 128;

/// The condition served by an index, and its value; other conditions are checked row by row. SQLite
/// uses a partial index only if the query repeats its condition.
struct Narrowed {
  std::string condition;
  std::optional<std::string> value;
};

std::optional<std::string> code_of(const TraceWords& words) {
  for (const std::string& reply : words.reply) {
    const bool has_code = reply.size() >= 3 && (reply[0] == '4' || reply[0] == '5') &&
                          (reply.size() == 3 || reply[3] == ' ');
    if (has_code) return reply.substr(0, 3);
  }
  return std::nullopt;
}

Narrowed narrowed(const TraceSearch& search, const TraceWords& words) {
  if (search.webhook_id) return {"webhook_id = ?1", search.webhook_id};
  for (const Cidr& one : words.ip) {
    if (one.is_host()) return {"client_ip = ?1", one.network().to_string()};
  }
  if (std::find(words.from.begin(), words.from.end(), "<>") != words.from.end()) {
    return {"mail_from = '' AND ?1 IS NULL", std::nullopt};
  }
  if (search.account_id) return {"account_id = ?1", search.account_id};
  if (const auto code = code_of(words)) {
    return {"code = CAST(?1 AS INTEGER) AND code >= 400", code};
  }
  if (search.outcome && *search.outcome != "accepted") {
    return {"outcome = ?1 AND outcome <> 'accepted'", search.outcome};
  }
  return {"?1 IS NULL", std::nullopt};
}

bool same(const std::optional<std::string>& wanted, const Row& row, int column) {
  return !wanted || row.view(column) == *wanted;
}

/// Columns as in trace_columns().
bool wanted(const TraceSearch& search, const TraceWords& words, const Row& row) {
  if (!same(search.outcome, row, 2) || !same(search.webhook_id, row, 6) ||
      !same(search.account_id, row, 7)) {
    return false;
  }
  return matches(words, TraceView{.id = row.view(0),
                                  .time = row.time(1),
                                  .client_ip = row.view(3),
                                  .mail_from = row.view(4),
                                  .rcpt = row.view(5),
                                  .code = static_cast<int>(row.integer(8)),
                                  .enhanced = row.view(9),
                                  .rule = row.view(12),
                                  .origin = row.view(13)});
}

/// The first row written at `time` or later, by binary search: rows are ordered by time, so time
/// has no index.
std::uint64_t number_at(Database& database, Time time) {
  const auto first_from = [&](std::int64_t number) {
    return database.one(
        "SELECT seq, time FROM summary WHERE seq >= ?1 ORDER BY seq LIMIT 1",
        [](const Row& row) { return std::pair(row.integer(0), row.time(1)); }, number);
  };
  const auto newest = database.number("SELECT MAX(seq) FROM summary");
  const auto oldest = database.number("SELECT MIN(seq) FROM summary");
  if (!newest || !oldest) return std::numeric_limits<std::int64_t>::max();
  std::int64_t low = *oldest;
  std::int64_t high = *newest + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto row = first_from(middle);
    if (!row || !*row) break;
    if ((*row)->second >= time) {
      high = middle;
    } else {
      low = (*row)->first + 1;
    }
  }
  return static_cast<std::uint64_t>(high);
}

}  // namespace

Result<TraceFound> TraceReader::search(const TraceSearch& search, const TraceWords& words) {
  const auto end = std::chrono::steady_clock::now() + search.most_time;
  const Narrowed index = narrowed(search, words);
  const std::string sql = trace_columns() + index.condition + " AND seq < ?2 ORDER BY seq DESC";
  TraceFound found;
  const std::lock_guard lock(mutex_);
  const auto oldest = database_->one("SELECT time FROM summary ORDER BY seq LIMIT 1",
                                     [](const Row& row) { return row.time(0); });
  if (!oldest) return tl::unexpected(oldest.error());
  found.oldest = *oldest;
  std::uint64_t before = search.before;
  if (before == 0) before = std::numeric_limits<std::int64_t>::max();
  if (words.before) {
    before = std::min(before, number_at(*database_, *words.before + longest_transaction));
  }
  std::uint64_t seen = 0;
  const auto look = [&](const Row& row) {
    const Time time = row.time(1);
    if (words.after && time < *words.after - longest_transaction) return false;
    const bool fits = wanted(search, words, row);
    if (fits && found.rows.size() == search.limit) {
      found.next = before;
      return false;
    }
    before = static_cast<std::uint64_t>(row.integer(16));
    found.searched_to = time;
    if (fits) found.rows.push_back(trace_row(row));
    ++seen;
    const bool late = seen % rows_between_clocks == 0 && std::chrono::steady_clock::now() >= end;
    if (seen < search.most_rows && !late) return true;
    found.complete = false;
    found.next = before;
    return false;
  };
  const Result<void> looked = database_->each(sql, look, index.value, before);
  if (!looked) return tl::unexpected(looked.error());
  return found;
}

}  // namespace postern::store
