#include "store/tallies.h"

#include <utility>

namespace postern::store {

namespace {

constexpr std::int64_t slot_ms = 5 * 60 * 1000;
constexpr std::int64_t hour_ms = 3600 * 1000;
constexpr std::int64_t slots_an_hour = hour_ms / slot_ms;
constexpr std::chrono::hours fine_for{48};
/// Hours merged per call, so that a call never takes long.
constexpr int hours_a_look = 4;
/// Reasons per scope and slot. Endpoints choose their replies and scripts the names of their rules;
/// beyond this, traces are counted by outcome only.
constexpr std::int64_t most_reasons = 64;
/// Counts taken away at a time: a trace adds two of an account at most, and looks come after 256
/// traces at most, so that the counts shrink to their bound.
constexpr std::int64_t counts_a_step = 128;
constexpr int steps_a_look = 8;

/// The first slot of the oldest hour that is due to be merged; nullopt: none.
std::optional<std::int64_t> hour_to_fold(Database& database, std::int64_t fine_since) {
  const auto slot = database.one(
      "SELECT slot FROM tally WHERE slot < ?1 AND slot % ?2 <> 0 ORDER BY slot LIMIT 1",
      [](const Row& row) { return row.integer(0); }, fine_since, slots_an_hour);
  if (!slot || !*slot) return std::nullopt;
  return **slot / slots_an_hour * slots_an_hour;
}

void make_tally_room(Database& database, std::uint64_t max_octets) {
  for (int i = 0; i < steps_a_look; ++i) {
    const auto all = database.number("SELECT octets FROM tally_share WHERE account = ''");
    if (!all || *all <= static_cast<std::int64_t>(max_octets)) return;
    // One look at each account that has counts; there are far fewer than counts.
    const auto gone = database.execute(
        "DELETE FROM tally WHERE (slot, scope, outcome, code, enhanced, layer, rule) IN"
        " (SELECT slot, scope, outcome, code, enhanced, layer, rule FROM tally"
        "  WHERE account = (SELECT account FROM tally_share WHERE account <> ''"
        "    ORDER BY octets DESC LIMIT 1) ORDER BY slot LIMIT ?1)",
        counts_a_step);
    if (!gone || *gone == 0) return;
  }
}

}  // namespace

void Tallies::add(const TraceRow& row) {
  const bool accepted = row.outcome == "accepted";
  if (!accepted && row.outcome != "rejected" && row.outcome != "deferred") return;
  ++counts_[{.slot = to_millis(row.time) / slot_ms,
             .outcome = row.outcome,
             .code = accepted ? 0 : row.code,
             .enhanced = accepted ? std::string() : row.enhanced,
             .layer = row.layer,
             .rule = row.rule,
             .account_id = row.account_id,
             .webhook_id = row.webhook_id}];
}

void Tallies::write(Database& database) {
  for (const auto& [kind, n] : std::exchange(counts_, {})) write(database, kind, n);
}

void Tallies::write(Database& database, const Kind& kind, std::int64_t n) {
  const bool accepted = kind.outcome == "accepted";
  const auto add = [&](const std::string& scope) {
    const auto known = database.execute(
        "UPDATE tally SET n = n + ?8 WHERE slot = ?1 AND scope = ?2 AND outcome = ?3 AND code = ?4"
        " AND enhanced = ?5 AND layer = ?6 AND rule = ?7",
        kind.slot, scope, kind.outcome, kind.code, kind.enhanced, kind.layer, kind.rule, n);
    if (!known || *known != 0) return;
    const auto reasons = database.number(
        "SELECT count(*) FROM tally WHERE slot = ?1 AND scope = ?2", kind.slot, scope);
    const bool named = !accepted && reasons.value_or(0) < most_reasons;
    (void)database.execute(
        "INSERT INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n, account) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        kind.slot, scope, kind.outcome, named ? kind.code : 0,
        named ? kind.enhanced : std::string(), named ? kind.layer : std::string(),
        named ? kind.rule : std::string(), n, scope == "g" ? std::nullopt : kind.account_id);
  };
  add("g");
  if (kind.account_id) add("a" + *kind.account_id);
  if (!kind.webhook_id) return;
  add("w" + *kind.webhook_id);
  const std::int64_t hour = kind.slot / slots_an_hour;
  (void)database.execute(
      "INSERT INTO tally_hour (webhook, hour, accepted, refused, deferred) VALUES"
      " (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted,"
      " refused = refused + excluded.refused, deferred = deferred + excluded.deferred",
      *kind.webhook_id, hour, accepted ? n : 0, kind.outcome == "rejected" ? n : 0,
      kind.outcome == "deferred" ? n : 0);
  (void)database.execute("DELETE FROM tally_hour WHERE webhook = ?1 AND hour < ?2",
                         *kind.webhook_id, hour - 25);
}

void tidy_tallies(Database& database, Time now, std::chrono::seconds keep,
                  std::uint64_t max_octets) {
  (void)database.execute("DELETE FROM tally WHERE slot < ?1", to_millis(now - keep) / slot_ms);
  (void)database.execute("DELETE FROM tally_hour WHERE hour < ?1", to_millis(now) / hour_ms - 25);
  make_tally_room(database, max_octets);
  const std::int64_t fine_since = to_millis(now - fine_for) / hour_ms * slots_an_hour;
  for (int i = 0; i < hours_a_look; ++i) {
    const auto hour = hour_to_fold(database, fine_since);
    if (!hour) return;
    (void)database.execute(
        "INSERT INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n, account)"
        " SELECT ?1, scope, outcome, code, enhanced, layer, rule, SUM(n), MAX(account) FROM tally"
        " WHERE slot > ?1 AND slot < ?1 + ?2 GROUP BY scope, outcome, code, enhanced, layer, rule"
        " ON CONFLICT DO UPDATE SET n = n + excluded.n",
        *hour, slots_an_hour);
    (void)database.execute("DELETE FROM tally WHERE slot > ?1 AND slot < ?1 + ?2", *hour,
                           slots_an_hour);
  }
}

void forget_tallies(Database& database, const std::string& account_id) {
  (void)database.execute(
      "DELETE FROM tally_hour WHERE webhook IN"
      " (SELECT substr(scope, 2) FROM tally WHERE account = ?1 AND scope LIKE 'w%')",
      account_id);
  (void)database.execute("DELETE FROM tally WHERE account = ?1", account_id);
}

Result<std::vector<TallyRow>> TraceReader::tallies(const TallyQuery& query) {
  const std::string scope = query.webhook_id   ? "w" + *query.webhook_id
                            : query.account_id ? "a" + *query.account_id
                                               : "g";
  // Slot by slot: the key begins with the slot, so each lookup reads one range of the table.
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
