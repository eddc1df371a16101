#include "store/delivery_log.h"

#include <boost/json.hpp>

#include "cluster/feed.h"
#include "store/delivery_schema.h"
#include "store/keyset.h"

namespace postern::store {

namespace {

constexpr std::size_t max_recipients = 100;
constexpr std::size_t max_text = 1024;
constexpr std::int64_t purge_rows = 5000;
/// Old records that one new record may remove: more than enough to balance its size.
constexpr int log_room_rows = 256;
/// Records that have one shared number at most.
constexpr std::int64_t records_of_one_number = 16;

/// Cuts to `max_text` octets, or fewer to keep UTF-8 characters whole.
void cut(std::string& text) {
  if (text.size() <= max_text) return;
  std::size_t end = max_text;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  text.resize(end);
}

void cut(std::optional<std::string>& text) {
  if (text) cut(*text);
}

void cut(LogRecord& record) {
  if (record.recipients.size() > max_recipients) record.recipients.resize(max_recipients);
  for (std::string& recipient : record.recipients) cut(recipient);
  for (std::string& result : record.dkim_results) cut(result);
  cut(record.sender);
  for (auto* text : {&record.message_id, &record.helo, &record.auth_username, &record.error,
                     &record.smtp_text}) {
    cut(*text);
  }
}

std::string to_json(const std::vector<std::string>& words) {
  return boost::json::serialize(boost::json::value_from(words));
}

std::vector<std::string> from_json(const std::string& text) {
  boost::system::error_code bad;
  const boost::json::value value = boost::json::parse(text, bad);
  if (bad) return {};
  const auto words = boost::json::try_value_to<std::vector<std::string>>(value);
  return words.has_value() ? *words : std::vector<std::string>();
}

#define POSTERN_LOG_COLUMNS                                                                      \
  "id, webhook_id, created_at, kind, attempt, message_id, sender, recipients, client_ip, helo, " \
  "tls, auth_username, size, http_status, duration_ms, error, smtp_code, smtp_text, override, "  \
  "policy_id, policy_version, failed_control, spf_result, dkim_results, dmarc_result, "          \
  "next_attempt_at, trace_id, count"

template <class T>
std::optional<T> number(const Row& row, int column) {
  const auto value = row.optional_integer(column);
  return value ? std::optional<T>(static_cast<T>(*value)) : std::nullopt;
}

LogRecord read(const Row& row) {
  LogRecord record;
  record.id = row.text(0);
  record.webhook_id = row.text(1);
  record.created_at = row.time(2);
  record.kind = static_cast<LogKind>(row.integer(3));
  record.attempt = static_cast<std::uint32_t>(row.integer(4));
  record.message_id = row.optional_text(5);
  record.sender = row.text(6);
  record.recipients = from_json(row.text(7));
  record.client_ip = row.optional_text(8);
  record.helo = row.optional_text(9);
  record.tls = row.optional_text(10);
  record.auth_username = row.optional_text(11);
  record.size = number<std::uint64_t>(row, 12);
  record.http_status = number<int>(row, 13);
  record.duration_ms = number<std::uint64_t>(row, 14);
  record.error = row.optional_text(15);
  record.smtp_code = number<int>(row, 16);
  record.smtp_text = row.optional_text(17);
  record.override = static_cast<Override>(row.integer(18));
  record.policy_id = row.optional_text(19);
  record.policy_version = number<std::uint64_t>(row, 20);
  record.failed_control = row.optional_text(21);
  record.spf_result = row.optional_text(22);
  record.dkim_results = from_json(row.text(23));
  record.dmarc_result = row.optional_text(24);
  record.next_attempt_at = row.optional_time(25);
  record.trace_id = row.optional_text(26);
  record.count = static_cast<std::uint64_t>(row.integer(27));
  return record;
}

#define POSTERN_LOG_CONFLICTS                                              \
  " ON CONFLICT (id) DO NOTHING ON CONFLICT (webhook_id, client_ip, hour)" \
  " WHERE hour IS NOT NULL DO UPDATE SET count = count + excluded.count"   \
  " ON CONFLICT DO NOTHING"

constexpr std::string_view insert =
    "INSERT INTO log (" POSTERN_LOG_COLUMNS
    ", outcome, hour, seq) VALUES "
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)" POSTERN_LOG_CONFLICTS;
/// The same values and the account, as they are told.
constexpr std::string_view as_told =
    "SELECT json_array(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr int told_seq = 30;
constexpr int told_account = 31;

/// Calls `use` with the values of a row, in the order of the columns.
template <class Use>
auto with_values(const LogRecord& record, std::optional<std::int64_t> hour,
                 std::optional<std::int64_t> number, Use use) {
  return use(record.id, record.webhook_id, record.created_at, static_cast<int>(record.kind),
             record.attempt, record.message_id, record.sender, to_json(record.recipients),
             record.client_ip, record.helo, record.tls, record.auth_username, record.size,
             record.http_status, record.duration_ms, record.error, record.smtp_code,
             record.smtp_text, static_cast<int>(record.override), record.policy_id,
             record.policy_version, record.failed_control, record.spf_result,
             to_json(record.dkim_results), record.dmarc_result, record.next_attempt_at,
             record.trace_id, record.count, static_cast<int>(record.outcome()), hour, number);
}

void note_account(Database& database, std::string_view webhook, std::string_view account) {
  if (account.empty()) return;
  static_cast<void>(
      database.execute("UPDATE log_share SET account = ?1 WHERE webhook_id = ?2 AND account <> ?1",
                       account, webhook));
}

void store_record(Database& database, const LogRecord& record, std::optional<std::int64_t> hour,
                  std::optional<std::int64_t> number) {
  // The transaction keeps the error, and the batch writer counts it.
  with_values(record, hour, number, [&](const auto&... values) {
    static_cast<void>(database.execute(insert, values...));
  });
  note_account(database, record.webhook_id, record.account);
}

// An item of the feed is a record as a JSON array behind `r`, or the ids of deleted webhooks behind
// `f`.
std::string told_record(Database& database, const LogRecord& record,
                        std::optional<std::int64_t> hour, std::int64_t number) {
  const auto json = with_values(record, hour, number, [&](const auto&... values) {
    return database.one(
        as_told, [](const Row& row) { return row.text(0); }, values..., record.account);
  });
  return json && *json ? "r" + **json : std::string();
}

/// "INSERT INTO log (...) SELECT json_extract(?1, '$[0]'), ...": the values of ?1, but for the
/// number, which is ?2.
std::string insert_told() {
  std::string sql = "INSERT INTO log (" POSTERN_LOG_COLUMNS ", outcome, hour, seq) SELECT ";
  for (int at = 0; at < told_seq; ++at) sql += fmt::format("json_extract(?1, '$[{}]'), ", at);
  return sql + "?2 WHERE true" POSTERN_LOG_CONFLICTS;
}

void take_record(Database& database, std::string_view told) {
  static const std::string sql = insert_told();
  struct Head {
    std::string id;
    std::string webhook;
    std::int64_t number = 0;
    std::string account;
  };
  static const std::string of_head = fmt::format(
      "SELECT json_extract(?1, '$[0]'), json_extract(?1, '$[1]'), json_extract(?1, "
      "'$[{}]'), json_extract(?1, '$[{}]') WHERE json_valid(?1)",
      told_seq, told_account);
  const auto head = database.one(
      of_head,
      [](const Row& row) {
        return Head{row.text(0), row.text(1), row.integer(2), row.text(3)};
      },
      told);
  if (!head || !*head) return;
  if (database.number("SELECT 1 FROM forgotten WHERE webhook_id = ?1", (*head)->webhook) == 1) {
    return;
  }
  // Two gateways may have given one number, if their names have the same bits.
  for (std::int64_t next = (*head)->number; next < (*head)->number + records_of_one_number;
       ++next) {
    const auto added = database.execute(sql, told, next);
    if (!added || *added != 0) break;
    if (database.number("SELECT 1 FROM log WHERE id = ?1", (*head)->id) != 0) break;
  }
  note_account(database, (*head)->webhook, (*head)->account);
}

void forget(Database& database, std::string_view webhook, std::int64_t today) {
  database.execute("DELETE FROM log WHERE webhook_id = ?", webhook);
  database.execute("DELETE FROM log_count WHERE webhook_id = ?", webhook);
  database.execute("DELETE FROM forgotten WHERE day < ?", today - days_remembered);
  database.execute("INSERT OR REPLACE INTO forgotten (webhook_id, day) VALUES (?, ?)", webhook,
                   today);
}

std::int64_t today() { return to_millis(now()) / (24 * 3600 * 1000); }

void make_log_room(Database& database, std::uint64_t max_size) {
  for (int taken = 0; taken < log_room_rows; ++taken) {
    const auto held = database.number("SELECT octets FROM log_account WHERE account = ''");
    if (!held || *held <= static_cast<std::int64_t>(max_size)) return;
    const auto gone = database.execute(
        "DELETE FROM log WHERE seq = (SELECT min(seq) FROM log WHERE webhook_id = "
        "(SELECT webhook_id FROM log_share WHERE account = "
        "(SELECT account FROM log_account WHERE account <> '' ORDER BY octets DESC LIMIT 1) "
        "ORDER BY octets DESC LIMIT 1))");
    if (!gone || *gone == 0) return;
  }
}

}  // namespace

std::string_view to_text(LogKind kind) {
  constexpr std::string_view words[] = {"delivery", "rejection", "simulation"};
  return words[static_cast<std::size_t>(kind)];
}

std::string_view to_text(LogOutcome outcome) {
  constexpr std::string_view words[] = {"success", "failure", "rejected"};
  return words[static_cast<std::size_t>(outcome)];
}

std::string_view to_text(Override override) {
  constexpr std::string_view words[] = {"none", "applied", "ignored"};
  return words[static_cast<std::size_t>(override)];
}

LogOutcome LogRecord::outcome() const {
  if (kind == LogKind::rejection) return LogOutcome::rejected;
  const int code = smtp_code ? *smtp_code : http_status.value_or(0);
  return code >= 200 && code <= 299 ? LogOutcome::success : LogOutcome::failure;
}

Result<std::unique_ptr<DeliveryLog>> DeliveryLog::open(const std::string& path,
                                                       const DeliveryLogOptions& options) {
  auto log = Database::open(path, delivery_schema(), {.sync = Sync::normal});
  if (!log) return tl::unexpected(log.error());
  // Durability is a setting of each connection: this one waits for the disk.
  auto rest = Database::open(path, delivery_schema(), {.sync = Sync::full, .quick_check_limit = 0});
  if (!rest) return tl::unexpected(rest.error());
  return std::unique_ptr<DeliveryLog>(new DeliveryLog(std::move(*log), std::move(*rest), options));
}

DeliveryLog::DeliveryLog(std::unique_ptr<Database> log, std::unique_ptr<Database> rest,
                         const DeliveryLogOptions& options)
    : options_(options),
      taken_(positions(*rest)),
      numbers_(options.telling.node),
      log_(std::move(log)),
      rest_(std::move(rest)),
      writer_(std::make_unique<BatchWriter>(*log_, options.writer)) {}

DeliveryLog::~DeliveryLog() = default;

bool DeliveryLog::write(LogRecord record, std::optional<std::int64_t> hour) {
  cut(record);
  return writer_->post([this, record = std::move(record), hour](Database& database) {
    std::optional<std::int64_t> number;
    if (options_.telling.outbox) {
      number = numbers_.next();
      std::string told = told_record(database, record, hour, *number);
      if (!told.empty()) options_.telling.outbox->put(std::move(told));
    }
    store_record(database, record, hour, number);
    make_log_room(database, options_.max_size);
  });
}

bool DeliveryLog::append(LogRecord record) { return write(std::move(record), std::nullopt); }

bool DeliveryLog::append_source_ip_refusal(LogRecord record) {
  const std::int64_t hour =
      std::chrono::floor<std::chrono::hours>(record.created_at.time_since_epoch()).count();
  return write(std::move(record), hour);
}

bool DeliveryLog::take(std::string node, std::int64_t number, std::vector<std::string> items) {
  return writer_->post(
      [this, node = std::move(node), number, items = std::move(items)](Database& database) {
        for (const std::string_view item : items) {
          if (item.starts_with('r')) {
            take_record(database, item.substr(1));
            make_log_room(database, options_.max_size);
          } else if (item.starts_with('f')) {
            for (const std::string& webhook : from_json(std::string(item.substr(1)))) {
              forget(database, webhook, today());
            }
          }
        }
        note_position(database, node, number);
      });
}

Result<Listed<LogRecord>> DeliveryLog::list(std::string_view webhook, const LogFilter& filter,
                                            const Page& page) {
  flush();
  const std::lock_guard lock(mutex_);
  std::string rows = "SELECT " POSTERN_LOG_COLUMNS " FROM log WHERE webhook_id = ?1";
  std::string total = "SELECT coalesce(sum(n), 0) FROM log_count WHERE webhook_id = ?1";
  // Only the numbers of enumerators: no text from outside enters the SQL.
  if (filter.outcome) {
    const std::string condition =
        fmt::format(" AND outcome = {}", static_cast<int>(*filter.outcome));
    rows += condition;
    total += condition;
  }
  if (filter.simulated) {
    rows += *filter.simulated ? " AND kind = 2" : " AND kind <> 2";
    total += *filter.simulated ? " AND simulated = 1" : " AND simulated = 0";
  }
  rows += " ORDER BY seq DESC LIMIT ?2 OFFSET ?3";
  auto found = rest_->all(rows, read, webhook, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto count = rest_->number(total, webhook);
  if (!count) return tl::unexpected(count.error());
  return Listed<LogRecord>{std::move(*found), static_cast<std::uint64_t>(*count)};
}

Result<Slice<LogRecord>> DeliveryLog::log_slice(std::string_view webhook, const LogFilter& filter,
                                                const Keyset& keyset) {
  flush();
  const std::lock_guard lock(mutex_);
  std::string sql = "SELECT " POSTERN_LOG_COLUMNS ", seq FROM log WHERE webhook_id = ?";
  // Each of the two conditions has an index. With both, simulations are filtered row by row, and so
  // is "not simulated"; slice() limits the rows that one call examines.
  if (filter.outcome) {
    sql += fmt::format(" AND outcome = {}", static_cast<int>(*filter.outcome));
  } else if (filter.simulated == true) {
    sql += " AND kind = 2";
  }
  sql += " AND seq < ? ORDER BY seq DESC";
  const auto fits = [&](const Row& row, const Needle& needle) {
    constexpr auto simulation = static_cast<std::int64_t>(LogKind::simulation);
    if (filter.simulated && (row.integer(3) == simulation) != *filter.simulated) return false;
    return needle.everything() || needle.in(row.text(6)) || needle.in(row.text(5)) ||
           needle.in(row.text(8));
  };
  return slice(*rest_, sql, 28, keyset, read, fits, webhook);
}

Result<std::optional<LogRecord>> DeliveryLog::find(std::string_view webhook, std::string_view id) {
  flush();
  const std::lock_guard lock(mutex_);
  return rest_->one("SELECT " POSTERN_LOG_COLUMNS " FROM log WHERE id = ? AND webhook_id = ?", read,
                    id, webhook);
}

Result<std::vector<LogRecord>> DeliveryLog::of_trace(std::string_view trace_id) {
  flush();
  const std::lock_guard lock(mutex_);
  return rest_->all("SELECT " POSTERN_LOG_COLUMNS
                    " FROM log WHERE trace_id = ? ORDER BY seq LIMIT 100",
                    read, trace_id);
}

Result<std::vector<std::optional<LogRecord>>> DeliveryLog::last_deliveries(
    const std::vector<std::string>& webhooks) {
  flush();
  const std::lock_guard lock(mutex_);
  std::vector<std::optional<LogRecord>> found;
  for (const std::string& id : webhooks) {
    auto one = rest_->one("SELECT " POSTERN_LOG_COLUMNS
                          " FROM log WHERE webhook_id = ? AND kind = 0 ORDER BY seq DESC LIMIT 1",
                          read, id);
    if (!one) return tl::unexpected(one.error());
    found.push_back(std::move(*one));
  }
  return found;
}

Result<LogCounts> DeliveryLog::counts(std::string_view webhook, Time since) {
  flush();
  const std::lock_guard lock(mutex_);
  LogCounts counts;
  const Result<void> done = rest_->each(
      "SELECT outcome, sum(count) FROM log WHERE webhook_id = ? AND created_at >= ? AND kind <> 2 "
      "GROUP BY outcome",
      [&](const Row& row) {
        std::uint64_t* const fields[] = {&counts.success, &counts.failure, &counts.rejected};
        *fields[row.integer(0)] = static_cast<std::uint64_t>(row.integer(1));
      },
      webhook, since);
  if (!done) return tl::unexpected(done.error());
  return counts;
}

Result<DeliveryLog::Purged> DeliveryLog::purge(Time at) {
  const std::lock_guard lock(mutex_);
  Purged purged;
  const auto gone = rest_->execute(
      "DELETE FROM log WHERE seq IN "
      "(SELECT seq FROM log WHERE created_at < ? ORDER BY created_at LIMIT ?)",
      at - options_.retention, purge_rows);
  if (!gone) return tl::unexpected(gone.error());
  purged.records = static_cast<std::uint64_t>(*gone);
  auto files = take_expired_files(at);
  if (!files) return tl::unexpected(files.error());
  purged.files = std::move(*files);
  purged.more = *gone == purge_rows || static_cast<std::int64_t>(handed_out_.size()) == purge_rows;
  return purged;
}

Result<std::vector<std::string>> DeliveryLog::forget_webhooks(
    std::span<const std::string> webhooks) {
  flush();
  const std::lock_guard lock(mutex_);
  std::vector<std::string> files;
  Result<Transaction> transaction = Transaction::begin(*rest_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (const std::string& webhook : webhooks) {
    forget(*rest_, webhook, today());
    static_cast<void>(rest_->each(
        "SELECT DISTINCT path FROM attachment WHERE webhook_id = ? AND NOT file_gone",
        [&](const Row& row) { files.push_back(row.text(0)); }, webhook));
    // Expired at time 0: if the caller fails to remove the files, purge() returns them again.
    rest_->execute(
        "UPDATE attachment SET webhook_id = '', filename = '', expires_at = 0 WHERE webhook_id = ?",
        webhook);
  }
  if (const Result<void> done = transaction->commit(); !done) return tl::unexpected(done.error());
  if (options_.telling.outbox) {
    options_.telling.outbox->put("f" + to_json({webhooks.begin(), webhooks.end()}));
  }
  return files;
}

}  // namespace postern::store
