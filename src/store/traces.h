// Decision traces in a database of their own (traces.db): written in batches behind the replies,
// bounded by age and by size, read by `postern explain` and the API.
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

#include "policy/trace.h"
#include "store/batch_writer.h"
#include "store/database.h"
#include "store/seal.h"

namespace postern::store {

struct TraceOptions {
  std::chrono::seconds keep{std::chrono::hours(24 * 30)};
  /// Octets of the database file, its free pages aside. Beyond it the oldest traces of the account
  /// that has most go; those of no account count together as one. Definitions count as their
  /// account's, and go with the last trace that names them.
  std::uint64_t max_size = 1ull << 30;
  BatchWriterOptions batch{.thread = "traces"};
};

/// A trace as lists show it.
struct TraceRow {
  std::string id;
  Time time;
  std::string outcome;
  std::string client_ip;
  std::string mail_from;  ///< "" is the null reverse-path
  std::string rcpt;       ///< the recipient it was about, "" without
  std::optional<std::string> webhook_id;
  std::optional<std::string> account_id;
  int code = 0;          ///< of the reply that settled it, 0 without
  std::string enhanced;  ///< "5.7.23", "" without
  std::string reply;     ///< its text, cut
  /// Who decided: the rule of the refusal; all empty where nobody objected.
  std::string layer;
  std::string rule;
  std::string origin;
  std::string reason;        ///< what the rule saw, cut
  bool shadow = false;       ///< a layer in shadow mode would have refused
  std::uint64_t number = 0;  ///< grows with the order of writing; 0: not written yet
};

/// What lists show of a trace.
TraceRow row_of(const policy::Trace& trace);

/// "SELECT ... FROM summary WHERE ", and how its rows are read.
std::string trace_columns();
TraceRow trace_row(const Row& row);

/// Takes traces from event loops. post() costs a few moves: the record is written and the rows of
/// old traces are taken away on the writer's own thread.
class TraceWriter {
 public:
  /// The key that seals definitions is kept beside the file, as `traces.key` of `traces.db`, and
  /// made when it is missing.
  static Result<std::unique_ptr<TraceWriter>> open(const std::string& path,
                                                   const TraceOptions& options = {});
  ~TraceWriter();

  /// False, and counted, when the disk does not keep up. Never waits for it.
  /// `row`: what row_of() makes of it, where the caller has it; null: it is made on the thread.
  bool post(policy::Trace trace, std::shared_ptr<const TraceRow> row = nullptr);
  /// Takes away what concerns an account that is deleted.
  bool forget_account(std::string account_id);
  /// Waits until everything posted before can be read.
  void flush() { writer_->flush(); }

  std::uint64_t dropped() const { return writer_->dropped(); }
  std::uint64_t failed() const { return writer_->failed(); }
  std::string last_error() const { return writer_->last_error(); }
  /// Why older traces cannot show their policies, and what to do; nullopt: they can.
  const std::optional<std::string>& key_trouble() const { return key_trouble_; }

 private:
  /// What the writer's thread knows: it alone uses it once the thread runs.
  struct Keeper {
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

    void insert(Database& database, const policy::Trace& trace, const TraceRow& row);
    void define(Database& database, const policy::Trace& trace, std::int64_t number);
    void forget_known();
    void enforce(Database& database, Time now);
  };

  TraceWriter(std::unique_ptr<Database> database, Seal seal, const TraceOptions& options);

  std::optional<std::string> key_trouble_;
  std::unique_ptr<Database> database_;
  std::shared_ptr<Keeper> keeper_;
  std::unique_ptr<BatchWriter> writer_;  ///< last: its thread ends first
};

/// What is wrong with the key of the traces at `path` ("traces.db"), and what to do; nullopt when
/// nothing is, as far as the files show that are not the database.
std::optional<std::string> trace_key_trouble(const std::string& path);

struct TraceFilter {
  std::optional<std::string> account_id;
  std::optional<std::string> webhook_id;
  std::optional<std::string> outcome;
  std::optional<Time> since;
  std::size_t limit = 50;
};

struct TraceWords;

/// A search, newest first, that ends in time.
struct TraceSearch {
  std::optional<std::string> account_id;
  std::optional<std::string> webhook_id;
  std::optional<std::string> outcome;
  std::uint64_t before = 0;  ///< TraceRow::number to go on from; 0: from the newest
  std::size_t limit = 50;
  std::uint64_t most_rows = 1'000'000;  ///< looked at
  std::chrono::milliseconds most_time{50};
};

struct TraceFound {
  std::vector<TraceRow> rows;
  std::uint64_t next = 0;           ///< TraceSearch::before of the next page; 0: there is none
  bool complete = true;             ///< false: it stopped to keep its time
  std::optional<Time> searched_to;  ///< the time of the last row looked at
  std::optional<Time> oldest;       ///< of all traces
};

/// Counts of traces over time. Times are cut to five minutes.
struct TallyQuery {
  std::optional<std::string> account_id;  ///< without: of the whole gateway
  std::optional<std::string> webhook_id;  ///< instead of the account
  Time from;
  Time until;
};

struct TallyRow {
  Time at;  ///< where its five minutes begin, or its hour when it is older than two days
  std::string outcome;
  int code = 0;  ///< 0 for accepted
  std::string enhanced;
  std::string layer;
  std::string rule;
  std::uint64_t n = 0;
};

struct HourCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t deferred = 0;
};

/// The hour that runs is the last one.
struct DayCounts : HourCounts {
  std::array<HourCounts, 24> hours = {};
};

/// A run of traces in the order of their writing.
struct TraceSpan {
  std::uint64_t after = 0;  ///< the number before the first
  std::uint64_t last = 0;
  std::uint64_t count = 0;
  std::optional<Time> since;
};

/// One of them, to be read with policy/record.h.
struct NumberedRecord {
  std::uint64_t number = 0;
  std::string text;
};

/// Reads the file while the server writes it, from any process. Safe from any thread.
class TraceReader {
 public:
  /// Fault::not_found when there is no such file.
  static Result<std::unique_ptr<TraceReader>> open(const std::string& path);

  /// The record of one trace (policy/record.h); nullopt when there is none (any more).
  Result<std::optional<std::string>> record(const std::string& id);
  /// The same, for who may see it: nullopt also for another account's. Without one: of the gateway.
  Result<std::optional<std::string>> record_for(const std::optional<std::string>& account,
                                                const std::string& id);
  /// A definition that records refer to. Fault::not_found without, or without the key.
  Result<std::string> definition(const std::string& id, std::uint64_t version);
  /// What lists show of one trace.
  Result<std::optional<TraceRow>> row(const std::string& id);
  /// Newest first.
  Result<std::vector<TraceRow>> recent(const TraceFilter& filter);
  Result<TraceFound> search(const TraceSearch& search, const TraceWords& words);
  Result<std::vector<TallyRow>> tallies(const TallyQuery& query);
  /// Of the last 24 hours, to the hour, in the order of the ids.
  Result<std::vector<DayCounts>> day_counts(const std::vector<std::string>& webhooks, Time now);
  /// What is there now: from a time on, and of that the newest `limit`.
  Result<TraceSpan> span(std::optional<Time> since, std::optional<std::uint64_t> limit);
  /// The oldest `most` records of the span; none when there are no more.
  Result<std::vector<NumberedRecord>> records(const TraceSpan& span, std::size_t most);

 private:
  explicit TraceReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::mutex mutex_;
  std::unique_ptr<Database> database_;
  std::string key_path_;
};

}  // namespace postern::store
