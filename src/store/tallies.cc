#include "store/tallies.h"

namespace postern::store {

namespace {

constexpr std::int64_t slot_ms = 5 * 60 * 1000;
constexpr std::int64_t hour_ms = 3600 * 1000;
constexpr std::int64_t slots_an_hour = hour_ms / slot_ms;
constexpr std::chrono::hours fine_for{48};
/// Hours folded at a time: a look for old rows never takes long.
constexpr int hours_a_look = 4;
/// Of one scope in one slot. Endpoints choose their replies, scripts the names of their rules: what
/// is beyond is counted by its outcome alone.
constexpr std::int64_t most_reasons = 64;

/// The first slot of the hour whose counts, being old, are to become one; nullopt: none are.
std::optional<std::int64_t> hour_to_fold(Database& database, std::int64_t fine_since) {
  const auto slot = database.one(
      "SELECT slot FROM tally WHERE slot < ?1 AND slot % ?2 <> 0 ORDER BY slot LIMIT 1",
      [](const Row& row) { return row.integer(0); }, fine_since, slots_an_hour);
  if (!slot || !*slot) return std::nullopt;
  return **slot / slots_an_hour * slots_an_hour;
}

}  // namespace

void count(Database& database, const TraceRow& row) {
  const bool accepted = row.outcome == "accepted";
  const bool rejected = row.outcome == "rejected";
  const bool deferred = row.outcome == "deferred";
  if (!accepted && !rejected && !deferred) return;
  const std::int64_t at = to_millis(row.time);
  const auto add = [&](const std::string& scope) {
    const auto known = database.execute(
        "UPDATE tally SET n = n + 1 WHERE slot = ?1 AND scope = ?2 AND outcome = ?3 AND code = ?4"
        " AND enhanced = ?5 AND layer = ?6 AND rule = ?7",
        at / slot_ms, scope, row.outcome, accepted ? 0 : row.code,
        accepted ? std::string() : row.enhanced, row.layer, row.rule);
    if (!known || *known != 0) return;
    const auto reasons = database.number(
        "SELECT count(*) FROM tally WHERE slot = ?1 AND scope = ?2", at / slot_ms, scope);
    const bool named = !accepted && reasons.value_or(0) < most_reasons;
    (void)database.execute(
        "INSERT INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT DO UPDATE SET n = n + 1",
        at / slot_ms, scope, row.outcome, named ? row.code : 0,
        named ? row.enhanced : std::string(), named ? row.layer : std::string(),
        named ? row.rule : std::string());
  };
  add("g");
  if (row.account_id) add("a" + *row.account_id);
  if (!row.webhook_id) return;
  add("w" + *row.webhook_id);
  (void)database.execute(
      "INSERT INTO tally_hour (webhook, hour, accepted, refused, deferred) VALUES"
      " (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted,"
      " refused = refused + excluded.refused, deferred = deferred + excluded.deferred",
      *row.webhook_id, at / hour_ms, accepted, rejected, deferred);
  (void)database.execute("DELETE FROM tally_hour WHERE webhook = ?1 AND hour < ?2", *row.webhook_id,
                         at / hour_ms - 25);
}

void tidy_tallies(Database& database, Time now, std::chrono::seconds keep) {
  (void)database.execute("DELETE FROM tally WHERE slot < ?1", to_millis(now - keep) / slot_ms);
  const std::int64_t fine_since = to_millis(now - fine_for) / hour_ms * slots_an_hour;
  for (int i = 0; i < hours_a_look; ++i) {
    const auto hour = hour_to_fold(database, fine_since);
    if (!hour) return;
    (void)database.execute(
        "INSERT INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n)"
        " SELECT ?1, scope, outcome, code, enhanced, layer, rule, SUM(n) FROM tally"
        " WHERE slot > ?1 AND slot < ?1 + ?2 GROUP BY scope, outcome, code, enhanced, layer, rule"
        " ON CONFLICT DO UPDATE SET n = n + excluded.n",
        *hour, slots_an_hour);
    (void)database.execute("DELETE FROM tally WHERE slot > ?1 AND slot < ?1 + ?2", *hour,
                           slots_an_hour);
  }
}

void forget_tallies(Database& database, const std::string& account_id) {
  const auto webhooks = database.all(
      "SELECT DISTINCT webhook_id FROM summary WHERE account_id = ?1 AND webhook_id IS NOT NULL",
      [](const Row& row) { return row.text(0); }, account_id);
  if (!webhooks) return;
  for (const std::string& webhook : *webhooks) {
    (void)database.execute("DELETE FROM tally_hour WHERE webhook = ?1", webhook);
    (void)database.execute("DELETE FROM tally WHERE scope = ?1", "w" + webhook);
  }
  (void)database.execute("DELETE FROM tally WHERE scope = ?1", "a" + account_id);
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
        return TallyRow{.at = from_millis(row.integer(0) * slot_ms),
                        .outcome = row.text(1),
                        .code = static_cast<int>(row.integer(2)),
                        .enhanced = row.text(3),
                        .layer = row.text(4),
                        .rule = row.text(5),
                        .n = static_cast<std::uint64_t>(row.integer(6))};
      },
      scope, to_millis(query.from) / slot_ms, (to_millis(query.until) + slot_ms - 1) / slot_ms);
}

Result<std::vector<DayCounts>> TraceReader::day_counts(const std::vector<std::string>& webhooks,
                                                       Time now) {
  constexpr std::int64_t hours = std::tuple_size_v<decltype(DayCounts::hours)>;
  const std::int64_t since = to_millis(now) / hour_ms - (hours - 1);
  const std::lock_guard lock(mutex_);
  std::vector<DayCounts> counts;
  for (const std::string& id : webhooks) {
    const auto rows = database_->all(
        "SELECT hour, accepted, refused, deferred FROM tally_hour WHERE webhook = ?1 AND "
        "hour BETWEEN ?2 AND ?3",
        [](const Row& row) {
          return std::pair{row.integer(0), HourCounts{static_cast<std::uint64_t>(row.integer(1)),
                                                      static_cast<std::uint64_t>(row.integer(2)),
                                                      static_cast<std::uint64_t>(row.integer(3))}};
        },
        id, since, since + hours - 1);
    if (!rows) return tl::unexpected(rows.error());
    DayCounts day;
    for (const auto& [hour, one] : *rows) {
      day.hours.at(static_cast<std::size_t>(hour - since)) = one;
      day.accepted += one.accepted;
      day.refused += one.refused;
      day.deferred += one.deferred;
    }
    counts.push_back(day);
  }
  return counts;
}

}  // namespace postern::store
