// Decision traces in their own database (traces.db): written in batches after the replies, limited
// by age and by size, read by `postern explain` and the API.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/batch_writer.h"
#include "store/database.h"
#include "store/feed_pieces.h"
#include "store/seal.h"

namespace postern::policy {
struct Trace;
}

namespace postern::store {

/// Limits of a TraceWriter.
struct TraceOptions {
  std::chrono::seconds keep{std::chrono::hours(24 * 30)};  ///< age at which a trace is deleted
  /// Octets used in the database file, without free pages. Beyond it, the oldest traces of the
  /// largest account are deleted; traces without an account count as one account. A definition
  /// counts for its account and is deleted with the last trace that names it.
  std::uint64_t max_size = 1ull << 30;
  BatchWriterOptions batch{.thread = "traces"};  ///< of the writer
  ToldOfMigration migrates = {};                 ///< see DatabaseOptions
  Telling telling = {};                          ///< to the other gateways of a cluster
};

/// A trace as lists show it. Texts are cut to about 300 octets.
struct TraceRow {
  std::string id;                         ///< names the trace
  Time time;                              ///< when the transaction began
  std::string outcome;                    ///< "accepted", "rejected", "deferred", "aborted"
  std::string client_ip;                  ///< as text
  std::string mail_from;                  ///< "" is the null reverse-path
  std::string rcpt;                       ///< the recipient in question, "" if none
  std::optional<std::string> webhook_id;  ///< of that recipient
  std::optional<std::string> account_id;  ///< of that recipient
  int code = 0;                           ///< of the reply that settled the transaction, 0 if none
  std::string enhanced;                   ///< "5.7.23", "" if none
  std::string reply;                      ///< text of that reply, cut
  /// The rule that refused: layer, name, and where it is written. Empty if none refused.
  std::string layer;
  std::string rule;          ///< see layer
  std::string origin;        ///< see layer
  std::string reason;        ///< what the rule found, cut
  bool shadow = false;       ///< a layer in shadow mode would have refused
  std::uint64_t number = 0;  ///< grows in the order of writing; 0: not written yet
};

/// Extracts what lists show of a trace.
TraceRow row_of(const policy::Trace& trace);

/// "SELECT ... FROM summary WHERE ", with the columns that trace_row() reads.
std::string trace_columns();
/// Reads the columns of trace_columns().
TraceRow trace_row(const Row& row);

/// Writes traces that event loops post. Writing and deleting old rows happen on the writer's
/// thread. All methods are safe from any thread.
class TraceWriter {
 public:
  /// Opens or creates the file and its key, which encrypts definitions: `traces.key` next to
  /// `traces.db`. Faults as for Database::open() and token_file().
  static Result<std::unique_ptr<TraceWriter>> open(const std::string& path,
                                                   const TraceOptions& options = {});
  ~TraceWriter();

  /// Queues a trace without waiting. Returns false and counts a drop when the queue is full. `row`:
  /// row_of(trace), if the caller has it; null: made on the writer's thread.
  bool post(policy::Trace trace, std::shared_ptr<const TraceRow> row = nullptr);
  /// Queues the deletion of all data of an account, here and at the other gateways. False when the
  /// queue is full.
  bool forget_account(std::string account_id);
  /// Called on the writer's thread with each trace of another gateway.
  using Told = std::function<void(const TraceRow& row)>;
  /// Queues what another gateway told. False when the queue is full.
  bool take(std::string node, std::int64_t number, std::vector<std::string> items, Told told);
  /// How far others' pieces were taken before open(), by gateway.
  const std::map<std::string, std::int64_t>& taken() const { return taken_; }
  /// Blocks until everything posted before is written or lost.
  void flush() { writer_->flush(); }

  /// Traces refused by post(), since the start.
  std::uint64_t dropped() const { return writer_->dropped(); }
  /// Traces that could not be written, since the start.
  std::uint64_t failed() const { return writer_->failed(); }
  /// Message of the newest write failure; empty: none.
  std::string last_error() const { return writer_->last_error(); }
  /// Why the policies of older traces cannot be shown, and what to do about it; nullopt: they can.
  const std::optional<std::string>& key_trouble() const { return key_trouble_; }

 private:
  /// What the writer's thread knows: it alone uses it once the thread runs.
  struct Keeper;

  TraceWriter(std::unique_ptr<Database> database, Seal seal, const TraceOptions& options);

  std::optional<std::string> key_trouble_;
  std::map<std::string, std::int64_t> taken_;
  std::unique_ptr<Database> database_;
  std::shared_ptr<Keeper> keeper_;
  std::unique_ptr<BatchWriter> writer_;  ///< last: its thread ends first
};

/// What is wrong with the key of the traces at `path` ("traces.db"), and what to do about it;
/// nullopt: no fault found. Looks at the key file only, not into the database.
std::optional<std::string> trace_key_trouble(const std::string& path);

/// Selects traces; unset members select all.
struct TraceFilter {
  std::optional<std::string> account_id;  ///< only of this account
  std::optional<std::string> webhook_id;  ///< only of this webhook
  std::optional<std::string> outcome;     ///< only with this TraceRow::outcome
  std::optional<Time> since;              ///< only since then, inclusive
  std::size_t limit = 50;                 ///< rows at most
};

struct TraceWords;

/// A search with a bounded duration. The result is ordered newest first.
struct TraceSearch {
  std::optional<std::string> account_id;  ///< only of this account
  std::optional<std::string> webhook_id;  ///< only of this webhook
  std::optional<std::string> outcome;     ///< only with this TraceRow::outcome
  std::uint64_t before = 0;             ///< TraceFound::next of the page before; 0: from the newest
  std::size_t limit = 50;               ///< rows at most
  std::uint64_t most_rows = 1'000'000;  ///< rows to examine at most
  std::chrono::milliseconds most_time{50};  ///< duration at most; checked every 128 rows
};

/// A page of a search.
struct TraceFound {
  std::vector<TraceRow> rows;       ///< newest first
  std::uint64_t next = 0;           ///< TraceSearch::before of the next page; 0: there is none
  bool complete = true;             ///< false: it stopped at most_rows or most_time
  std::optional<Time> searched_to;  ///< time of the last row examined
  std::optional<Time> oldest;       ///< time of the oldest trace of all; nullopt: no traces
};

/// Selects counts. Times are rounded to five minutes, outwards.
struct TallyQuery {
  std::optional<std::string> account_id;  ///< nullopt: the whole gateway
  std::optional<std::string> webhook_id;  ///< takes precedence over account_id
  Time from;                              ///< inclusive
  Time until;                             ///< exclusive
};

/// The number of traces with the same time slot, outcome and reason.
struct TallyRow {
  Time at;               ///< start of the five minutes, or of the hour if older than two days
  std::string outcome;   ///< TraceRow::outcome
  int code = 0;          ///< 0: accepted, or too many different reasons
  std::string enhanced;  ///< TraceRow::enhanced
  std::string layer;     ///< TraceRow::layer
  std::string rule;      ///< TraceRow::rule
  std::uint64_t n = 0;   ///< number of traces
};

/// Traces by outcome.
struct HourCounts {
  std::uint64_t accepted = 0;  ///< outcome "accepted"
  std::uint64_t refused = 0;   ///< outcome "rejected"
  std::uint64_t deferred = 0;  ///< outcome "deferred"
};

/// The sum of 24 hours, and each hour.
struct DayCounts : HourCounts {
  std::array<HourCounts, 24> hours = {};  ///< oldest first; the last one is the current hour
};

/// A range of traces in the order of writing.
struct TraceSpan {
  std::uint64_t after = 0;    ///< TraceRow::number before the first
  std::uint64_t last = 0;     ///< TraceRow::number of the last
  std::uint64_t count = 0;    ///< traces in the range
  std::optional<Time> since;  ///< only traces since then; nullopt: all
};

/// A record of a TraceSpan.
struct NumberedRecord {
  std::uint64_t number = 0;  ///< TraceRow::number
  std::string text;          ///< for policy/record.h
};

/// Reads the file, also while another process writes it. Safe from any thread; methods block on the
/// disk and fail with Database's faults.
class TraceReader {
 public:
  /// Fault::not_found if there is no such file.
  static Result<std::unique_ptr<TraceReader>> open(const std::string& path);

  /// The record of a trace (policy/record.h); nullopt: there is none, or none any more.
  Result<std::optional<std::string>> record(const std::string& id);
  /// The same with access control: nullopt also for another account's trace. `account` nullopt:
  /// any.
  Result<std::optional<std::string>> record_for(const std::optional<std::string>& account,
                                                const std::string& id);
  /// The text of a definition that records name. Fault::not_found without it or without the key,
  /// Fault::permanent with a wrong or damaged key.
  Result<std::string> definition(const std::string& id, std::uint64_t version);
  /// What lists show of a trace; nullopt: there is none.
  Result<std::optional<TraceRow>> row(const std::string& id);
  /// Newest first.
  Result<std::vector<TraceRow>> recent(const TraceFilter& filter);
  /// A page of traces that match all words, newest first.
  Result<TraceFound> search(const TraceSearch& search, const TraceWords& words);
  /// The counts of an account, a webhook or the gateway, in the order of time.
  Result<std::vector<TallyRow>> tallies(const TallyQuery& query);
  /// The last 24 hours of each webhook, in the order of the ids.
  Result<std::vector<DayCounts>> day_counts(const std::vector<std::string>& webhooks, Time now);
  /// The traces since `since`, and of those the newest `limit`; nullopt: no bound.
  Result<TraceSpan> span(std::optional<Time> since, std::optional<std::uint64_t> limit);
  /// The `most` oldest records of the span; empty: there are no more.
  Result<std::vector<NumberedRecord>> records(const TraceSpan& span, std::size_t most);

 private:
  explicit TraceReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::mutex mutex_;
  std::unique_ptr<Database> database_;
  std::string key_path_;
};

/// The schema of traces.db.
const Schema& traces_schema();

}  // namespace postern::store
