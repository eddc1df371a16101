#include "store/traces.h"

#include <filesystem>

#include "base/text.h"
#include "policy/record.h"
#include "policy/settling.h"
#include "policy/webhook.h"
#include "store/trace_rows.h"

namespace postern::store {

namespace {

constexpr const char* migrations[] = {
    // `seq` is the order of writing, which is that of time but for moments. A definition's `used`
    // is
    // the last day (since 1970) on which a trace referred to it.
    R"(CREATE TABLE trace (
         seq INTEGER PRIMARY KEY,
         id TEXT NOT NULL UNIQUE,
         time INTEGER NOT NULL,
         outcome TEXT NOT NULL,
         client_ip TEXT NOT NULL,
         mail_from TEXT NOT NULL,
         rcpt TEXT NOT NULL,
         webhook_id TEXT,
         account_id TEXT,
         code INTEGER NOT NULL,
         record BLOB NOT NULL
       );
       CREATE INDEX trace_of_webhook ON trace (webhook_id) WHERE webhook_id IS NOT NULL;
       CREATE INDEX trace_of_account ON trace (account_id) WHERE account_id IS NOT NULL;
       CREATE TABLE definition (
         id TEXT NOT NULL,
         version INTEGER NOT NULL,
         used INTEGER NOT NULL,
         text TEXT NOT NULL,
         PRIMARY KEY (id, version)
       ) WITHOUT ROWID;)",
    // What searches show and use, and counts. `scope` is 'g', 'a' + account or 'w' + webhook; a
    // slot
    // is five minutes.
    R"(ALTER TABLE trace ADD COLUMN enhanced TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN reply TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN layer TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN rule TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN origin TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN reason TEXT NOT NULL DEFAULT '';
       ALTER TABLE trace ADD COLUMN shadow INTEGER NOT NULL DEFAULT 0;
       CREATE INDEX trace_outcome ON trace (outcome);
       CREATE INDEX trace_client ON trace (client_ip);
       CREATE INDEX trace_sender ON trace (mail_from);
       CREATE TABLE tally (
         slot INTEGER NOT NULL,
         scope TEXT NOT NULL,
         outcome TEXT NOT NULL,
         code INTEGER NOT NULL,
         enhanced TEXT NOT NULL,
         layer TEXT NOT NULL,
         rule TEXT NOT NULL,
         n INTEGER NOT NULL,
         PRIMARY KEY (slot, scope, outcome, code, enhanced, layer, rule)
       ) WITHOUT ROWID;
       CREATE TABLE tally_hour (
         webhook TEXT NOT NULL,
         hour INTEGER NOT NULL,
         accepted INTEGER NOT NULL,
         refused INTEGER NOT NULL,
         deferred INTEGER NOT NULL,
         PRIMARY KEY (webhook, hour)
       ) WITHOUT ROWID;)",
};
constexpr Schema schema{.application_id = 0x50545243, .migrations = migrations};  // "PTRC"

/// Old rows taken away at a time, and traces written between two looks for old ones. Taking away
/// twice what came in, the file shrinks to its bound, and no look takes long.
constexpr std::int64_t rows_a_look = 512;
constexpr std::uint64_t traces_a_look = 256;

std::int64_t day_of(Time time) { return to_millis(time) / (24 * 3600 * 1000); }

/// The recipient a trace is about: the first accepted one, else the last refused one.
const policy::Recipient* subject_of(const policy::Trace& trace) {
  if (!trace.evidence.recipients.empty()) return &trace.evidence.recipients.front();
  for (auto one = trace.decisions.rbegin(); one != trace.decisions.rend(); ++one) {
    if (one->candidate) return &*one->candidate;
  }
  return nullptr;
}

/// Texts in lists are short: what is longer stands in the record.
constexpr std::size_t longest_text = 300;

std::string cut(std::string_view text) {
  std::string out = is_utf8(text) ? std::string(text) : printable(text);
  if (out.size() <= longest_text) return out;
  out.resize(longest_text);
  while (!is_utf8(out)) out.pop_back();
  return out + "…";
}

/// Errors are kept by the database until the commit, which then fails and counts this row as lost.
void insert_row(Database& database, const policy::Trace& trace, const TraceRow& row) {
  (void)database.execute(
      "INSERT OR IGNORE INTO trace (id, time, outcome, client_ip, mail_from, rcpt, webhook_id,"
      " account_id, code, enhanced, reply, layer, rule, origin, reason, shadow, record) VALUES"
      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      row.id, row.time, row.outcome, row.client_ip, row.mail_from, row.rcpt, row.webhook_id,
      row.account_id, row.code, row.enhanced, row.reply, row.layer, row.rule, row.origin,
      row.reason, row.shadow, Blob{policy::write_record(trace)});
}

}  // namespace

TraceRow row_of(const policy::Trace& trace) {
  const policy::Recipient* subject = subject_of(trace);
  const policy::Webhook* webhook = subject ? subject->route.webhook.get() : nullptr;
  const auto& from = trace.evidence.reverse_path;
  const smtp::Reply settled = trace.settled();
  TraceRow row{.id = trace.id,
               .time = from_millis(to_millis(trace.started)),
               .outcome = trace.outcome,
               .client_ip = trace.evidence.session.client_ip.to_string(),
               .mail_from = from ? from->text() : std::string(),
               .rcpt = subject ? subject->address.text() : std::string(),
               .code = settled.code,
               .enhanced = settled.enhanced.present() ? settled.enhanced.to_string() : "",
               .reply = cut(settled.text)};
  if (webhook != nullptr) {
    row.webhook_id = webhook->id;
    row.account_id = webhook->account_id;
  }
  for (const policy::Decision& decision : trace.decisions) {
    for (const policy::Step& step : decision.steps) {
      row.shadow = row.shadow || (!step.enforced && step.verdict.refuses());
    }
  }
  if (row.outcome == "accepted") return row;
  for (auto one = trace.decisions.rbegin(); one != trace.decisions.rend(); ++one) {
    if (!policy::may_settle(trace, *one)) continue;
    // What was judged for another account's recipient is not this account's to know.
    const policy::Webhook* asked = one->candidate ? one->candidate->route.webhook.get() : nullptr;
    if (asked != nullptr && row.account_id != asked->account_id) continue;
    const policy::Step* decider = policy::refusing_step(*one);
    if (decider == nullptr) continue;
    row.layer = decider->layer;
    row.rule = decider->check;
    row.origin = cut(decider->origin);
    row.reason = cut(decider->verdict.detail);
    return row;
  }
  // The policies had no objection: what was asked then, the webhook's endpoint for one, had.
  if (trace.reply.code != 0 && !trace.reply.positive()) {
    row.layer = "delivery";
    row.rule = "delivery";
    row.reason = cut(trace.reply.text);
  }
  return row;
}

namespace {

void count(Database& database, const TraceRow& row) {
  if (row.outcome != "accepted" && row.outcome != "rejected" && row.outcome != "deferred") return;
  const std::int64_t at = to_millis(row.time);
  const auto add = [&](const std::string& scope) {
    const bool accepted = row.outcome == "accepted";
    (void)database.execute(
        "INSERT INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT DO UPDATE SET n = n + 1",
        at / tally_slot_ms, scope, row.outcome, accepted ? 0 : row.code,
        accepted ? std::string() : row.enhanced, row.layer, row.rule);
  };
  add("g");
  if (row.account_id) add("a" + *row.account_id);
  if (!row.webhook_id) return;
  add("w" + *row.webhook_id);
  (void)database.execute(
      "INSERT INTO tally_hour (webhook, hour, accepted, refused, deferred) VALUES"
      " (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted,"
      " refused = refused + excluded.refused, deferred = deferred + excluded.deferred",
      *row.webhook_id, at / tally_hour_ms, row.outcome == "accepted", row.outcome == "rejected",
      row.outcome == "deferred");
  (void)database.execute("DELETE FROM tally_hour WHERE webhook = ?1 AND hour < ?2", *row.webhook_id,
                         at / tally_hour_ms - 25);
}

}  // namespace

Result<std::unique_ptr<TraceWriter>> TraceWriter::open(const std::string& path,
                                                       const TraceOptions& options) {
  // A power failure may cost the last moments of traces, never the file.
  auto database = Database::open(path, schema, {.sync = Sync::normal});
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<TraceWriter>(new TraceWriter(std::move(*database), options));
}

TraceWriter::TraceWriter(std::unique_ptr<Database> database, const TraceOptions& options)
    : database_(std::move(database)),
      keeper_(std::make_shared<Keeper>(Keeper{options.keep, options.max_size})),
      writer_(std::make_unique<BatchWriter>(*database_, options.batch)) {
  writer_->post([keeper = keeper_](Database& writing) { keeper->enforce(writing, now()); });
}

TraceWriter::~TraceWriter() = default;

bool TraceWriter::post(policy::Trace trace, std::shared_ptr<const TraceRow> row) {
  return writer_->post(
      [trace = std::move(trace), row = std::move(row), keeper = keeper_.get()](Database& database) {
        keeper->insert(database, trace, row ? *row : row_of(trace));
      });
}

bool TraceWriter::forget_account(std::string account_id) {
  return writer_->post([account_id = std::move(account_id)](Database& database) {
    for (const char* of_webhook : {"DELETE FROM tally_hour WHERE webhook IN"
                                   " (SELECT DISTINCT webhook_id FROM trace WHERE account_id = ?1)",
                                   "DELETE FROM trace WHERE account_id = ?1"}) {
      (void)database.execute(of_webhook, account_id);
    }
    (void)database.execute("DELETE FROM tally WHERE scope = 'a' || ?1", account_id);
  });
}

void TraceWriter::Keeper::insert(Database& database, const policy::Trace& trace,
                                 const TraceRow& row) {
  define(database, trace);
  insert_row(database, trace, row);
  count(database, row);
  if (++since_last < traces_a_look) return;
  since_last = 0;
  enforce(database, now());
}

/// Once a definition and day: what it is does not change, and traces have few of them.
void TraceWriter::Keeper::define(Database& database, const policy::Trace& trace) {
  // What a transaction wrote that failed is not there.
  if (rollbacks != database.rollbacks()) written.clear();
  rollbacks = database.rollbacks();
  const std::int64_t day = day_of(from_millis(to_millis(trace.started)));
  policy::each_definition(
      trace, [&](const std::string& id, std::uint64_t version, const std::string& text) {
        const auto [entry, is_new] = written[id].try_emplace(version, day);
        if (!is_new && entry->second >= day) return;
        entry->second = day;
        (void)database.execute(
            "INSERT INTO definition (id, version, used, text) VALUES (?1, ?2, ?3, ?4) ON CONFLICT"
            " (id, version) DO UPDATE SET used = excluded.used WHERE used < excluded.used",
            id, version, day, text);
      });
}

void TraceWriter::Keeper::enforce(Database& database, Time now) {
  constexpr const char* oldest_time = "SELECT time FROM trace ORDER BY seq LIMIT 1";
  const auto first = database.number(oldest_time);
  if (first && *first < to_millis(now - keep)) {
    (void)database.execute(
        "DELETE FROM trace WHERE seq IN"
        " (SELECT seq FROM (SELECT seq, time FROM trace ORDER BY seq LIMIT ?1) WHERE time < ?2)",
        rows_a_look, now - keep);
  }
  (void)database.execute("DELETE FROM tally WHERE slot < ?1",
                         to_millis(now - keep) / tally_slot_ms);
  const auto pages = database.number("PRAGMA page_count");
  const auto free = database.number("PRAGMA freelist_count");
  const auto size = database.number("PRAGMA page_size");
  if (!pages || !free || !size) return;
  if (static_cast<std::uint64_t>((*pages - *free) * *size) > max_size) {
    (void)database.execute(
        "DELETE FROM trace WHERE seq IN (SELECT seq FROM trace ORDER BY seq LIMIT ?1)",
        rows_a_look);
  }
  const auto oldest = database.number(oldest_time);
  if (!oldest || *oldest == 0) return;
  const std::int64_t needed = day_of(from_millis(*oldest)) - 1;
  (void)database.execute("DELETE FROM definition WHERE used < ?1", needed);
  for (auto& [id, versions] : written) {
    std::erase_if(versions, [&](const auto& entry) { return entry.second < needed; });
  }
  std::erase_if(written, [](const auto& entry) { return entry.second.empty(); });
}

Result<std::unique_ptr<TraceReader>> TraceReader::open(const std::string& path) {
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) {
    return fail(Fault::not_found, "there is no " + path);
  }
  auto database = Database::open(path, schema, {.sync = Sync::normal, .quick_check_limit = 0});
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<TraceReader>(new TraceReader(std::move(*database)));
}

Result<std::optional<std::string>> TraceReader::record_for(
    const std::optional<std::string>& account, const std::string& id) {
  auto seen = row(id);
  if (!seen) return tl::unexpected(seen.error());
  if (!*seen || (account && (*seen)->account_id != account)) return std::optional<std::string>();
  return record(id);
}

Result<std::optional<std::string>> TraceReader::record(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return database_->one(
      "SELECT record FROM trace WHERE id = ?1", [](const Row& row) { return row.text(0); }, id);
}

Result<std::string> TraceReader::definition(const std::string& id, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  const auto found = database_->one(
      "SELECT text FROM definition WHERE id = ?1 AND version = ?2",
      [](const Row& row) { return row.text(0); }, id, version);
  if (!found) return tl::unexpected(found.error());
  if (!*found) {
    return fail(Fault::not_found, "version " + std::to_string(version) + " of " + id +
                                      " is not among the kept definitions");
  }
  return **found;
}

const char* const trace_columns =
    "SELECT id, time, outcome, client_ip, mail_from, rcpt, webhook_id, account_id, code, enhanced,"
    " reply, layer, rule, origin, reason, shadow, seq FROM trace WHERE ";

TraceRow trace_row(const Row& row) {
  return {.id = row.text(0),
          .time = row.time(1),
          .outcome = row.text(2),
          .client_ip = row.text(3),
          .mail_from = row.text(4),
          .rcpt = row.text(5),
          .webhook_id = row.optional_text(6),
          .account_id = row.optional_text(7),
          .code = static_cast<int>(row.integer(8)),
          .enhanced = row.text(9),
          .reply = row.text(10),
          .layer = row.text(11),
          .rule = row.text(12),
          .origin = row.text(13),
          .reason = row.text(14),
          .shadow = row.boolean(15),
          .number = static_cast<std::uint64_t>(row.integer(16))};
}

Result<std::optional<TraceRow>> TraceReader::row(const std::string& id) {
  static const std::string sql = std::string(trace_columns) + "id = ?1";
  const std::lock_guard lock(mutex_);
  return database_->one(sql, trace_row, id);
}

Result<std::vector<TraceRow>> TraceReader::recent(const TraceFilter& filter) {
  // The unary plus keeps SQLite from choosing the index of the looser condition.
  constexpr const char* rest =
      " AND (?2 IS NULL OR outcome = ?2) AND (?3 IS NULL OR time >= ?3) ORDER BY seq DESC LIMIT ?4";
  static const std::string columns = trace_columns;
  static const std::string by_webhook =
      columns + "webhook_id = ?1 AND (?5 IS NULL OR +account_id = ?5)" + rest;
  static const std::string by_account = columns + "account_id = ?1" + rest;
  static const std::string any = columns + "?1 IS NULL" + rest;
  const std::lock_guard lock(mutex_);
  if (filter.webhook_id) {
    return database_->all(by_webhook, trace_row, *filter.webhook_id, filter.outcome, filter.since,
                          filter.limit, filter.account_id);
  }
  const std::string& sql = filter.account_id ? by_account : any;
  return database_->all(sql, trace_row, filter.account_id, filter.outcome, filter.since,
                        filter.limit);
}

Result<TraceSpan> TraceReader::span(std::optional<Time> since, std::optional<std::uint64_t> limit) {
  constexpr std::int64_t all = -1;
  const std::lock_guard lock(mutex_);
  TraceSpan span{.since = since};
  const auto found = database_->one(
      "SELECT COUNT(*), MIN(seq), MAX(seq) FROM (SELECT seq FROM trace WHERE ?1 IS NULL OR"
      " time >= ?1 ORDER BY seq DESC LIMIT ?2)",
      [&](const Row& row) {
        span.count = static_cast<std::uint64_t>(row.integer(0));
        if (span.count == 0) return true;
        span.after = static_cast<std::uint64_t>(row.integer(1)) - 1;
        span.last = static_cast<std::uint64_t>(row.integer(2));
        return true;
      },
      since, limit ? static_cast<std::int64_t>(*limit) : all);
  if (!found) return tl::unexpected(found.error());
  return span;
}

Result<std::vector<NumberedRecord>> TraceReader::records(const TraceSpan& span, std::size_t most) {
  const std::lock_guard lock(mutex_);
  return database_->all(
      "SELECT seq, record FROM trace WHERE seq > ?1 AND seq <= ?2 AND (?3 IS NULL OR time >= ?3)"
      " ORDER BY seq LIMIT ?4",
      [](const Row& row) {
        return NumberedRecord{static_cast<std::uint64_t>(row.integer(0)), row.text(1)};
      },
      span.after, span.last, span.since, most);
}

}  // namespace postern::store
