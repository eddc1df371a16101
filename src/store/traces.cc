#include "store/traces.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "cluster/feed.h"
#include "policy/record.h"
#include "policy/trace.h"
#include "store/tallies.h"
#include "store/token_file.h"
#include "store/told_traces.h"

namespace postern::store {

namespace {

constexpr const char* trace_migrations[] = {
    // `seq` is the order of writing, which is nearly the order of time.
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
    // slot is five minutes.
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
    // The columns that searches show and use are stored apart from the records, many rows per page,
    // so that a search reads tens of thousands of rows in its time. The columns next to the records
    // stay unused.
    R"(CREATE TABLE summary (
         seq INTEGER PRIMARY KEY,
         id TEXT NOT NULL,
         time INTEGER NOT NULL,
         outcome TEXT NOT NULL,
         client_ip TEXT NOT NULL,
         mail_from TEXT NOT NULL,
         rcpt TEXT NOT NULL,
         webhook_id TEXT,
         account_id TEXT,
         code INTEGER NOT NULL,
         enhanced TEXT NOT NULL,
         reply TEXT NOT NULL,
         layer TEXT NOT NULL,
         rule TEXT NOT NULL,
         origin TEXT NOT NULL,
         reason TEXT NOT NULL,
         shadow INTEGER NOT NULL
       );
       INSERT INTO summary SELECT seq, id, time, outcome, client_ip, mail_from, rcpt, webhook_id,
         account_id, code, enhanced, reply, layer, rule, origin, reason, shadow FROM trace;
       DROP INDEX trace_of_webhook;
       DROP INDEX trace_of_account;
       DROP INDEX trace_outcome;
       DROP INDEX trace_client;
       DROP INDEX trace_sender;
       CREATE TRIGGER trace_gone AFTER DELETE ON trace BEGIN
         DELETE FROM summary WHERE seq = OLD.seq;
       END;
       CREATE INDEX summary_webhook ON summary (webhook_id) WHERE webhook_id IS NOT NULL;
       CREATE INDEX summary_account ON summary (account_id) WHERE account_id IS NOT NULL;
       CREATE INDEX summary_client ON summary (client_ip);
       CREATE INDEX summary_null_path ON summary (mail_from) WHERE mail_from = '';
       CREATE INDEX summary_code ON summary (code) WHERE code >= 400;
       CREATE INDEX summary_outcome ON summary (outcome) WHERE outcome <> 'accepted';
       ALTER TABLE definition ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;)",
    // Octets by `scope`: 'g' for all traces, 'a' + account, or 'a' for traces without an account.
    // 500 octets are a trace's overhead besides its record.
    R"(CREATE TABLE share (scope TEXT PRIMARY KEY, octets INTEGER NOT NULL) WITHOUT ROWID;
       CREATE INDEX share_octets ON share (octets);
       INSERT INTO share SELECT 'g', coalesce(sum(length(record) + 500), 0) FROM trace;
       INSERT INTO share SELECT 'a' || coalesce(account_id, ''), sum(length(record) + 500)
         FROM trace GROUP BY 1;
       CREATE INDEX summary_nobody ON summary (account_id) WHERE account_id IS NULL;
       CREATE TRIGGER share_grows AFTER INSERT ON trace BEGIN
         INSERT INTO share VALUES
           ('g', length(NEW.record) + 500),
           ('a' || coalesce(NEW.account_id, ''), length(NEW.record) + 500)
           ON CONFLICT (scope) DO UPDATE SET octets = octets + excluded.octets;
       END;
       CREATE TRIGGER share_shrinks AFTER DELETE ON trace BEGIN
         UPDATE share SET octets = octets - length(OLD.record) - 500
           WHERE scope IN ('g', 'a' || coalesce(OLD.account_id, ''));
         DELETE FROM share
           WHERE scope = 'a' || coalesce(OLD.account_id, '') AND octets <= 0;
       END;)",
    // Which traces name a definition, and its scope: 'a' + account, or 'd' for the gateway's
    // definitions and for those of older versions. `used` is the last day (since 1970) on which a
    // trace named it; definition.used is unused. Numbers are never reused, so a row of `named`
    // cannot refer to a later definition. 1000 octets are the overhead of a definition.
    R"(CREATE TABLE definition_share (
         number INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL,
         version INTEGER NOT NULL,
         scope TEXT NOT NULL,
         used INTEGER NOT NULL,
         octets INTEGER NOT NULL,
         UNIQUE (id, version)
       );
       CREATE INDEX definition_oldest ON definition_share (scope, used);
       CREATE TABLE named (
         seq INTEGER NOT NULL,
         number INTEGER NOT NULL,
         PRIMARY KEY (seq, number)
       ) WITHOUT ROWID;
       CREATE INDEX named_number ON named (number);
       CREATE TRIGGER definition_comes AFTER INSERT ON definition_share BEGIN
         INSERT INTO share VALUES ('g', NEW.octets), (NEW.scope, NEW.octets)
           ON CONFLICT (scope) DO UPDATE SET octets = octets + excluded.octets;
       END;
       CREATE TRIGGER definition_goes AFTER DELETE ON definition_share BEGIN
         DELETE FROM definition WHERE id = OLD.id AND version = OLD.version;
         UPDATE share SET octets = octets - OLD.octets WHERE scope IN ('g', OLD.scope);
         DELETE FROM share WHERE scope = OLD.scope AND octets <= 0;
       END;
       CREATE TRIGGER trace_names_nothing AFTER DELETE ON trace BEGIN
         DELETE FROM named WHERE seq = OLD.seq;
       END;
       CREATE TRIGGER definition_unnamed AFTER DELETE ON named
         WHEN NOT EXISTS (SELECT 1 FROM named WHERE number = OLD.number) BEGIN
         DELETE FROM definition_share WHERE number = OLD.number;
       END;
       INSERT INTO definition_share (id, version, scope, used, octets)
         SELECT id, version, 'd', used, length(text) + 1000 FROM definition;)",
    // How much of the counts is an account's, its webhooks included. `account` is NULL for those of
    // the gateway, which the slots bound, and '' has the sum of the others. The octets stand for a
    // row and its place in the index.
    R"(ALTER TABLE tally ADD COLUMN account TEXT;
       UPDATE tally SET account = substr(scope, 2) WHERE scope LIKE 'a%';
       UPDATE tally SET account = (SELECT account_id FROM summary
           WHERE webhook_id = substr(scope, 2) AND account_id IS NOT NULL LIMIT 1)
         WHERE scope LIKE 'w%';
       CREATE INDEX tally_account ON tally (account, slot) WHERE account IS NOT NULL;
       CREATE TABLE tally_share (account TEXT PRIMARY KEY, octets INTEGER NOT NULL) WITHOUT ROWID;
       INSERT INTO tally_share SELECT account, sum(100 + 2 * length(scope || enhanced || layer || rule))
         FROM tally WHERE account IS NOT NULL GROUP BY 1;
       INSERT INTO tally_share SELECT '', coalesce(sum(octets), 0) FROM tally_share;
       CREATE TRIGGER tally_comes AFTER INSERT ON tally WHEN NEW.account IS NOT NULL BEGIN
         INSERT INTO tally_share VALUES
           ('', 100 + 2 * length(NEW.scope || NEW.enhanced || NEW.layer || NEW.rule)),
           (NEW.account, 100 + 2 * length(NEW.scope || NEW.enhanced || NEW.layer || NEW.rule))
           ON CONFLICT (account) DO UPDATE SET octets = octets + excluded.octets;
       END;
       CREATE TRIGGER tally_goes AFTER DELETE ON tally WHEN OLD.account IS NOT NULL BEGIN
         UPDATE tally_share
           SET octets = octets - 100 - 2 * length(OLD.scope || OLD.enhanced || OLD.layer || OLD.rule)
           WHERE account IN ('', OLD.account);
         DELETE FROM tally_share WHERE account = OLD.account AND octets <= 0;
       END;
       CREATE INDEX tally_hour_age ON tally_hour (hour);)",
    // An account's lists do not show what was said of another's recipient, or of nobody's
    // (row_of()); earlier versions wrote it. It is the last refusal, where no data came.
    R"(UPDATE summary SET code = 0, enhanced = '', reply = '', layer = '', rule = '', origin = '',
         reason = ''
       WHERE account_id IS NOT NULL AND code <> 0 AND outcome <> 'accepted' AND (
         SELECT CASE WHEN NOT json_valid(r.text) THEN 0
           WHEN json_type(r.text, '$.reply') IS NOT NULL THEN 0
           ELSE (SELECT json_type(r.text, d.fullkey || '.recipient') = 'object' AND
                   coalesce(json_extract(r.text, '$.routes[' ||
                     json_extract(r.text, d.fullkey || '.recipient.route') || '].account'), '')
                   <> summary.account_id
                 FROM json_each(r.text, '$.decisions') AS d
                 WHERE json_type(r.text, d.fullkey || '.reply') IS NOT NULL
                 ORDER BY d.key DESC LIMIT 1)
           END
         FROM (SELECT CAST(record AS TEXT) AS text FROM trace WHERE seq = summary.seq) AS r);)",
    // The writer adds to the shares once a transaction.
    R"(DROP TRIGGER IF EXISTS share_grows;)",
    // What other gateways of a cluster told, up to which piece; and accounts that were deleted at
    // any of them, of which another may still tell for some days.
    R"(CREATE TABLE IF NOT EXISTS feed_position (
         node TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS forgotten (
         account TEXT PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;)",
};
// Version 9 only adds: programs of version 8 neither read nor need it.
constexpr Schema trace_file_schema{
    .application_id = 0x50545243, .migrations = trace_migrations, .compatible_from = 8};  // "PTRC"

/// The number of old rows deleted per call and per step, and what may be written between two calls,
/// in traces and in octets (less for a small file). Each call deletes more than was written since
/// the last, so the file shrinks to its limit, and no call takes long. Each step selects the
/// largest scope anew.
constexpr std::int64_t old_rows_a_look = 512;
constexpr std::int64_t rows_a_step = 8;
constexpr std::uint64_t traces_a_look = 256;
constexpr std::uint64_t octets_a_look(std::uint64_t max_size) {
  return std::min<std::uint64_t>(512u << 10, max_size / 16);
}
constexpr std::uint64_t octets_beside_record = 500;
constexpr std::uint64_t octets_beside_definition = 1000;
constexpr std::size_t most_known = 4096;
/// Traces that have one shared number at most.
constexpr std::int64_t most_of_one_number = 16;

/// Definitions hold policies, which may hold passwords; so a copy of the database alone must not
/// reveal them.
std::string key_path(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".key").string();
}

std::int64_t day_of(Time time) { return to_millis(time) / (24 * 3600 * 1000); }

std::string key_is_damaged(const std::string& key) {
  return key +
         " is damaged: it is the key with which the policies in traces.db are encrypted. Put it "
         "back from a backup. Without one remove it: a new one is made at the start, and traces "
         "from before no longer show the policies that decided";
}

std::string key_is_lost(const std::string& key) {
  return key +
         " is missing: it is the key with which the policies in traces.db are encrypted, and "
         "traces from before do not show the policies that decided. Stop the gateway and put it "
         "back from a backup; without one a new key is made at the start, and new traces are whole";
}

std::string key_is_another(const std::string& key) {
  return key +
         " is not the key with which the policies in traces.db were encrypted: traces from before "
         "do not show the policies that decided. Stop the gateway and put the right one back from "
         "a backup; without one go on, new traces are whole";
}

/// Whether the key decrypts the newest definition. If not, definitions are written again when next
/// used, even today.
Result<bool> opens_the_newest(Database& database, const Seal& seal) {
  const auto newest = database.one(
      "SELECT text FROM definition WHERE sealed AND (id, version) ="
      " (SELECT id, version FROM definition_share ORDER BY used DESC LIMIT 1)",
      [](const Row& row) { return row.text(0); });
  if (!newest) return tl::unexpected(newest.error());
  if (!*newest || seal.open(**newest)) return true;
  const std::int64_t today = day_of(now());
  const auto aged =
      database.execute("UPDATE definition_share SET used = ?1 - 1 WHERE used >= ?1", today);
  if (!aged) return tl::unexpected(aged.error());
  return false;
}

/// The database keeps errors until the commit, which fails and counts this row as lost.
struct Inserted {
  std::int64_t number = 0;   // 0: it existed already
  std::uint64_t octets = 0;  ///< of the record
};

/// `number`: nullopt: the next one.
Inserted insert_row(Database& database, const TraceRow& row, std::string_view record,
                    std::optional<std::int64_t> number) {
  const auto added = database.execute(
      "INSERT OR IGNORE INTO trace (id, time, outcome, client_ip, mail_from, rcpt, webhook_id,"
      " account_id, code, record, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      row.id, row.time, row.outcome, row.client_ip, row.mail_from, row.rcpt, row.webhook_id,
      row.account_id, row.code, Blob{record}, number);
  if (!added || *added == 0) return {};
  const std::int64_t written = database.last_row();
  (void)database.execute(
      "INSERT INTO summary (seq, id, time, outcome, client_ip, mail_from, rcpt, webhook_id,"
      " account_id, code, enhanced, reply, layer, rule, origin, reason, shadow) VALUES"
      " (?17, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
      " ?16)",
      row.id, row.time, row.outcome, row.client_ip, row.mail_from, row.rcpt, row.webhook_id,
      row.account_id, row.code, row.enhanced, row.reply, row.layer, row.rule, row.origin,
      row.reason, row.shadow, written);
  return {.number = written, .octets = record.size()};
}

/// Octets of the file that are in use.
std::optional<std::uint64_t> used_octets(Database& database) {
  const auto pages = database.number("PRAGMA page_count");
  const auto free = database.number("PRAGMA freelist_count");
  const auto size = database.number("PRAGMA page_size");
  if (!pages || !free || !size) return std::nullopt;
  return static_cast<std::uint64_t>((*pages - *free) * *size);
}

/// Deletes the oldest traces of an account ("": those without one). Returns how many.
std::int64_t take_traces(Database& database, const std::string& account) {
  const auto gone = account.empty() ? database.execute(
                                          "DELETE FROM trace WHERE seq IN (SELECT seq FROM summary"
                                          " WHERE account_id IS NULL ORDER BY seq LIMIT ?1)",
                                          rows_a_step)
                                    : database.execute(
                                          "DELETE FROM trace WHERE seq IN (SELECT seq FROM summary"
                                          " WHERE account_id = ?1 ORDER BY seq LIMIT ?2)",
                                          account, rows_a_step);
  return gone.value_or(0);
}

/// Deletes the oldest rows of a scope and returns how many. An account's definitions are deleted
/// only when it has no traces left, even if other accounts' traces name them. The gateway's
/// definitions are deleted only if last used before today: otherwise they would be written again at
/// once.
std::int64_t take_oldest(Database& database, const std::string& scope) {
  if (scope.front() == 'a') {
    const std::int64_t gone = take_traces(database, scope.substr(1));
    if (gone != 0) return gone;
  }
  const auto gone = database.execute(
      "DELETE FROM definition_share WHERE number IN (SELECT number FROM definition_share"
      " WHERE scope = ?1 AND (scope <> 'd' OR used < ?2) ORDER BY used LIMIT 1)",
      scope, day_of(now()));
  return gone.value_or(0);
}

/// Deletes the oldest rows of the largest scope. Returns how many.
std::int64_t take_from_largest(Database& database) {
  const auto largest =
      database.all("SELECT scope FROM share WHERE scope <> 'g' ORDER BY octets DESC LIMIT 2",
                   [](const Row& row) { return row.text(0); });
  if (!largest) return 0;
  for (const std::string& scope : *largest) {
    const std::int64_t gone = take_oldest(database, scope);
    if (gone != 0) return gone;
  }
  return 0;
}

/// What belongs to no account (counts, the gateway's definitions) may use at most half of
/// `max_size`.
void make_trace_room(Database& database, std::uint64_t max_size) {
  const std::uint64_t goal = max_size - octets_a_look(max_size);
  for (std::int64_t taken = 0; taken < old_rows_a_look;) {
    const auto used = used_octets(database);
    if (!used || *used <= goal) return;
    const auto kept = database.number(
        "SELECT octets - coalesce((SELECT octets FROM share WHERE scope = 'd'), 0) FROM share"
        " WHERE scope = 'g'");
    if (!kept) return;
    const bool spare = *kept <= static_cast<std::int64_t>(max_size / 2);
    const std::int64_t gone = spare ? take_oldest(database, "d") : take_from_largest(database);
    if (gone == 0) return;
    taken += gone;
  }
}

}  // namespace

const Schema& traces_schema() { return trace_file_schema; }

/// What the writer's thread knows: it alone uses it once the thread runs.
struct TraceWriter::Keeper {
  Seal seal;
  std::chrono::seconds keep;
  std::uint64_t max_size;
  std::uint64_t since_last = 0;    ///< traces written since the last look
  std::uint64_t octets_since = 0;  ///< of their records and of definitions
  /// A definition that was in the file when this process named it last.
  struct Known {
    std::int64_t number = 0;
    std::int64_t day = 0;  ///< when it was last said to be used, since 1970
  };
  std::map<std::string, std::map<std::uint64_t, Known>> known;  ///< id, version
  std::size_t known_count = 0;
  std::uint64_t rollbacks = 0;  ///< of the database, when `known` was begun
  const Telling telling;
  SharedNumbers numbers{telling.node};
  // Of the traces of the open transaction, not written yet:
  Tallies tallies;
  std::map<std::string, std::uint64_t> grown;  ///< octets; accounts, "" for traces of none

  void insert(Database& database, const policy::Trace& trace, const TraceRow& row);
  void count(const TraceRow& row, const Inserted& inserted);
  void look_after(Database& database);
  DefinitionNames define(Database& database, const policy::Trace& trace, std::int64_t number);
  void write_definition(Database& database, const ToldDefinition& definition, std::int64_t day);
  void tell(std::string item);
  void take(Database& database, const std::string& item, const TraceWriter::Told& told);
  void take_trace(Database& database, ToldTrace trace, const TraceWriter::Told& told);
  bool is_forgotten(Database& database, const std::optional<std::string>& account) const;
  void forget_known();
  void forget_account(Database& database, const std::string& account_id);
  void enforce(Database& database, Time now);
  void write_counts(Database& database);
};

std::optional<std::string> trace_key_trouble(const std::string& path) {
  const std::string key = key_path(path);
  std::error_code unreadable;
  if (std::filesystem::exists(key, unreadable)) {
    const auto read = token_file(key);
    return read ? std::nullopt : std::optional(key_is_damaged(key));
  }
  if (unreadable || !std::filesystem::exists(path, unreadable)) return std::nullopt;
  return key_is_lost(key);
}

Result<std::unique_ptr<TraceWriter>> TraceWriter::open(const std::string& path,
                                                       const TraceOptions& options) {
  const std::string key_file = key_path(path);
  std::error_code unreadable;
  const bool had_key = std::filesystem::exists(key_file, unreadable);
  // A power failure may lose the last traces but does not damage the file. A page of 16 KiB holds
  // five traces, where one of 4 KiB would hold one and be a quarter empty; each page is written
  // twice.
  auto database =
      Database::open(path, trace_file_schema,
                     {.sync = Sync::normal, .page_size = 16384, .migrates = options.migrates});
  if (!database) return tl::unexpected(database.error());
  const auto key = token_file(key_file);
  if (!key) {
    return fail(key.error().fault, had_key ? key_is_damaged(key_file) : key.error().message);
  }
  const Seal seal(*key);
  const auto fits = opens_the_newest(**database, seal);
  if (!fits) return tl::unexpected(fits.error());
  auto taken = positions(**database);
  std::unique_ptr<TraceWriter> writer(new TraceWriter(std::move(*database), seal, options));
  writer->taken_ = std::move(taken);
  if (!*fits) writer->key_trouble_ = had_key ? key_is_another(key_file) : key_is_lost(key_file);
  return writer;
}

TraceWriter::TraceWriter(std::unique_ptr<Database> database, Seal seal, const TraceOptions& options)
    : database_(std::move(database)),
      keeper_(std::make_shared<Keeper>(Keeper{.seal = std::move(seal),
                                              .keep = options.keep,
                                              .max_size = options.max_size,
                                              .telling = options.telling})),
      writer_(std::make_unique<BatchWriter>(
          *database_, options.batch,
          [keeper = keeper_.get()](Database& writing) { keeper->write_counts(writing); })) {
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
  return writer_->post(
      [account_id = std::move(account_id), keeper = keeper_.get()](Database& database) {
        keeper->forget_account(database, account_id);
        keeper->tell(told_forgotten(account_id));
      });
}

bool TraceWriter::take(std::string node, std::int64_t number, std::vector<std::string> items,
                       Told told) {
  return writer_->post([node = std::move(node), number, items = std::move(items),
                        told = std::move(told), keeper = keeper_.get()](Database& database) {
    for (const std::string& item : items) keeper->take(database, item, told);
    note_position(database, node, number);
    keeper->look_after(database);
  });
}

void TraceWriter::Keeper::forget_account(Database& database, const std::string& account_id) {
  write_counts(database);
  forget_tallies(database, account_id);
  (void)database.execute(
      "DELETE FROM trace WHERE seq IN (SELECT seq FROM summary WHERE account_id = ?1)", account_id);
  (void)database.execute("DELETE FROM definition_share WHERE scope = 'a' || ?1", account_id);
  if (!telling.outbox) return;
  const std::int64_t today = day_of(now());
  (void)database.execute("DELETE FROM forgotten WHERE day < ?1", today - days_remembered);
  (void)database.execute("INSERT OR REPLACE INTO forgotten (account, day) VALUES (?1, ?2)",
                         account_id, today);
}

bool TraceWriter::Keeper::is_forgotten(Database& database,
                                       const std::optional<std::string>& account) const {
  return account && database.number("SELECT 1 FROM forgotten WHERE account = ?1", *account) == 1;
}

/// What the others do not hear of is told again when it is next named.
void TraceWriter::Keeper::tell(std::string item) {
  if (telling.outbox && !telling.outbox->put(std::move(item))) forget_known();
}

void TraceWriter::Keeper::take(Database& database, const std::string& item,
                               const TraceWriter::Told& told) {
  std::optional<ToldItem> read = read_item(item);
  if (!read) return;  // of a later version
  if (auto* trace = std::get_if<ToldTrace>(&*read)) {
    take_trace(database, std::move(*trace), told);
  } else if (const auto* definition = std::get_if<ToldDefinition>(&*read)) {
    if (is_forgotten(database, definition->account)) return;
    write_definition(database, *definition, day_of(now()));
  } else {
    forget_account(database, std::get<std::string>(*read));
  }
}

void TraceWriter::Keeper::take_trace(Database& database, ToldTrace trace,
                                     const TraceWriter::Told& told) {
  if (is_forgotten(database, trace.row.account_id)) return;
  Inserted inserted;
  // Two gateways may have given one number, if their names have the same bits.
  for (std::int64_t next = trace.number; next < trace.number + most_of_one_number; ++next) {
    inserted = insert_row(database, trace.row, trace.record, next);
    if (inserted.number != 0 ||
        database.number("SELECT 1 FROM trace WHERE id = ?1", trace.row.id) != 0) {
      break;
    }
  }
  if (inserted.number == 0) return;
  for (const auto& [id, version] : trace.names) {
    (void)database.execute(
        "INSERT OR IGNORE INTO named (seq, number)"
        " SELECT ?1, number FROM definition_share WHERE id = ?2 AND version = ?3",
        inserted.number, id, version);
  }
  count(trace.row, inserted);
  if (told) told(trace.row);
}

/// Before the transaction ends, and before anything in it looks at counts or takes traces away.
void TraceWriter::Keeper::write_counts(Database& database) {
  tallies.write(database);
  const auto add = [&](const std::string& scope, std::uint64_t octets) {
    (void)database.execute(
        "INSERT INTO share (scope, octets) VALUES (?1, ?2)"
        " ON CONFLICT (scope) DO UPDATE SET octets = octets + excluded.octets",
        scope, octets);
  };
  std::uint64_t all = 0;
  for (const auto& [account, octets] : std::exchange(grown, {})) {
    add("a" + account, octets);
    all += octets;
  }
  if (all != 0) add("g", all);
}

void TraceWriter::Keeper::insert(Database& database, const policy::Trace& trace,
                                 const TraceRow& row) {
  const std::string record = policy::write_record(trace);
  const Inserted inserted = insert_row(
      database, row, record, telling.outbox ? std::optional(numbers.next()) : std::nullopt);
  if (inserted.number != 0) {
    DefinitionNames names = define(database, trace, inserted.number);
    count(row, inserted);
    if (telling.outbox) {
      tell(told_trace(
          {.row = row, .number = inserted.number, .names = std::move(names), .record = record}));
    }
  }
  look_after(database);
}

void TraceWriter::Keeper::count(const TraceRow& row, const Inserted& inserted) {
  tallies.add(row);
  const std::uint64_t octets = inserted.octets + octets_beside_record;
  grown[row.account_id.value_or("")] += octets;
  octets_since += octets;
  ++since_last;
}

void TraceWriter::Keeper::look_after(Database& database) {
  if (since_last < traces_a_look && octets_since < octets_a_look(max_size)) return;
  since_last = octets_since = 0;
  enforce(database, now());
}

void TraceWriter::Keeper::write_definition(Database& database, const ToldDefinition& definition,
                                           std::int64_t day) {
  const std::string sealed = seal.close(definition.text);
  (void)database.execute(
      "INSERT INTO definition_share (id, version, scope, used, octets) VALUES (?1, ?2, ?3, ?4, "
      "?5)"
      " ON CONFLICT (id, version) DO UPDATE SET used = max(used, excluded.used)",
      definition.id, definition.version,
      definition.account.empty() ? "d" : "a" + definition.account, day,
      sealed.size() + octets_beside_definition);
  (void)database.execute(
      "INSERT INTO definition (id, version, used, text, sealed) VALUES (?1, ?2, 0, ?3, 1)"
      " ON CONFLICT (id, version) DO UPDATE SET text = excluded.text, sealed = 1",
      definition.id, definition.version, Blob{sealed});
  octets_since += sealed.size() + octets_beside_definition;
}

/// Records which definitions the trace names. A definition never changes: its text is written when
/// this process first names it, or when it is no longer in the file; the other gateways are told it
/// then, and once each day. Returns the names if there are others.
DefinitionNames TraceWriter::Keeper::define(Database& database, const policy::Trace& trace,
                                            std::int64_t number) {
  // Rows of a failed transaction are not in the file.
  if (rollbacks != database.rollbacks() || known_count >= most_known) forget_known();
  rollbacks = database.rollbacks();
  const std::int64_t day = day_of(from_millis(to_millis(trace.started)));
  DefinitionNames names;
  std::vector<std::string> news;   // to tell, after `known` is used
  std::vector<const Known*> said;  // by this trace: a definition may occur several times
  const auto name = [&](const Known& entry) {
    said.push_back(&entry);
    const auto named = database.execute(
        "INSERT OR IGNORE INTO named (seq, number)"
        " VALUES (?1, (SELECT number FROM definition_share WHERE number = ?2))",
        number, entry.number);
    return named && *named != 0;
  };
  policy::each_definition(trace, [&](const std::string& id, std::uint64_t version,
                                     const std::string& text, const std::string& account) {
    const auto [at, is_new] = known[id].try_emplace(version, Known{});
    Known& entry = at->second;
    if (is_new) ++known_count;
    if (std::ranges::find(said, &entry) != said.end()) return;
    const auto news_of = [&] {
      if (telling.outbox) news.push_back(told_definition({id, version, account, text}));
    };
    if (telling.outbox) names.emplace_back(id, version);
    if (!is_new && name(entry)) {
      if (entry.day >= day) return;
      entry.day = day;
      (void)database.execute(
          "UPDATE definition_share SET used = ?2 WHERE number = ?1 AND used < ?2", entry.number,
          day);
      news_of();
      return;
    }
    write_definition(database, {id, version, account, text}, day);
    news_of();
    entry.number = database
                       .number("SELECT number FROM definition_share WHERE id = ?1 AND version = ?2",
                               id, version)
                       .value_or(0);
    entry.day = day;
    (void)name(entry);
  });
  for (std::string& item : news) tell(std::move(item));
  return names;
}

void TraceWriter::Keeper::forget_known() {
  known.clear();
  known_count = 0;
}

void TraceWriter::Keeper::enforce(Database& database, Time now) {
  write_counts(database);
  constexpr const char* oldest_time = "SELECT time FROM summary ORDER BY seq LIMIT 1";
  const auto first = database.number(oldest_time);
  if (first && *first < to_millis(now - keep)) {
    (void)database.execute(
        "DELETE FROM trace WHERE seq IN"
        " (SELECT seq FROM (SELECT seq, time FROM summary ORDER BY seq LIMIT ?1) WHERE time < ?2)",
        old_rows_a_look, now - keep);
  }
  tidy_tallies(database, now, keep, max_size / 4);
  make_trace_room(database, max_size);
  const auto oldest = database.number(oldest_time);
  if (!oldest || *oldest == 0) return;
  const std::int64_t needed = day_of(from_millis(*oldest)) - 1;
  // Traces of older versions do not record what they name. Newer traces name definitions used since
  // then.
  (void)database.execute("DELETE FROM definition_share WHERE scope = 'd' AND used < ?1", needed);
}

Result<std::unique_ptr<TraceReader>> TraceReader::open(const std::string& path) {
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) {
    return fail(Fault::not_found, "there is no " + path);
  }
  auto database =
      Database::open(path, trace_file_schema, {.sync = Sync::normal, .quick_check_limit = 0});
  if (!database) return tl::unexpected(database.error());
  std::unique_ptr<TraceReader> reader(new TraceReader(std::move(*database)));
  reader->key_path_ = key_path(path);
  return reader;
}

Result<std::optional<std::string>> TraceReader::record(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return database_->one(
      "SELECT record FROM trace WHERE id = ?1", [](const Row& row) { return row.text(0); }, id);
}

Result<std::optional<std::string>> TraceReader::record_for(
    const std::optional<std::string>& account, const std::string& id) {
  auto seen = row(id);
  if (!seen) return tl::unexpected(seen.error());
  if (!*seen || (account && (*seen)->account_id != account)) return std::optional<std::string>();
  return record(id);
}

Result<std::string> TraceReader::definition(const std::string& id, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  const auto found = database_->one(
      "SELECT text, sealed FROM definition WHERE id = ?1 AND version = ?2",
      [](const Row& row) { return std::pair(row.text(0), row.boolean(1)); }, id, version);
  if (!found) return tl::unexpected(found.error());
  if (!*found) {
    return fail(Fault::not_found, "version " + std::to_string(version) + " of " + id +
                                      " is not among the kept definitions");
  }
  auto& [text, sealed] = **found;
  if (!sealed) return std::move(text);
  std::error_code unreadable;
  if (!std::filesystem::exists(key_path_, unreadable)) {
    return fail(Fault::not_found, key_is_lost(key_path_));
  }
  const auto key = token_file(key_path_);
  if (!key) return fail(Fault::permanent, key_is_damaged(key_path_));
  auto opened = Seal(*key).open(text);
  if (!opened) return fail(Fault::permanent, key_is_another(key_path_));
  return std::move(*opened);
}

Result<std::optional<TraceRow>> TraceReader::row(const std::string& id) {
  static const std::string sql = trace_columns() + "seq = (SELECT seq FROM trace WHERE id = ?1)";
  const std::lock_guard lock(mutex_);
  return database_->one(sql, trace_row, id);
}

Result<std::vector<TraceRow>> TraceReader::recent(const TraceFilter& filter) {
  // The unary plus keeps SQLite from using the index of the less selective condition.
  constexpr const char* rest =
      " AND (?2 IS NULL OR outcome = ?2) AND (?3 IS NULL OR time >= ?3) ORDER BY seq DESC LIMIT ?4";
  static const std::string columns = trace_columns();
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
      "SELECT COUNT(*), MIN(seq), MAX(seq) FROM (SELECT seq FROM summary WHERE ?1 IS NULL OR"
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
