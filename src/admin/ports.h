// What the API asks of the rest of the house. Implemented where delivery and decisions live; the
// app wires them in.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/running_lists.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/task.h"
#include "policy/webhook.h"
#include "spool/spool.h"
#include "store/trace_words.h"
#include "store/traces.h"

namespace postern::admin {

/// A synthetic message for a webhook; what is not given is made up by the simulator.
struct SimulationRequest {
  std::string webhook_id;
  std::optional<std::string> from;
  std::optional<std::string> subject;
  std::optional<std::string> text;
  std::optional<std::string> html;
  std::vector<std::pair<std::string, std::vector<std::string>>> headers;
};

struct SimulationResult {
  std::optional<int> http_status;  ///< nullopt: no answer came
  std::uint64_t duration_ms = 0;
  std::optional<std::string> error;
  std::string log_id;
};

/// Posts to a webhook's target without SMTP and policy, and writes the log record.
class Simulator {
 public:
  virtual ~Simulator() = default;
  virtual Task<Result<SimulationResult>> simulate(SimulationRequest request) = 0;
};

/// A real mail to a webhook's address, from this machine over SMTP.
struct TestMailRequest {
  std::string webhook_id;
  std::optional<std::string> from;  ///< "": the null sender; unset: postmaster
  std::optional<std::string> subject;
  std::optional<std::string> text;
};

struct TestMailResult {
  struct Line {
    bool of_client = false;
    std::string text;  ///< printable
  };
  int code = 0;
  std::string reply;    ///< "550 5.7.1 source address ..."
  std::string outcome;  ///< accepted, rejected, deferred
  std::optional<std::string> trace_id;
  std::vector<Line> transcript;
};

class TestMail {
 public:
  virtual ~TestMail() = default;
  /// Fault::not_found: no such webhook; otherwise a sentence for the client: no listener can be
  /// used, or it gave no answer.
  virtual Task<Result<TestMailResult>> send(TestMailRequest request) = 0;
};

struct DryRunRequest {
  std::shared_ptr<const policy::WebhookPolicy> policy;
  IpAddress client_ip;
  std::string helo;
  std::string mail_from;  ///< empty: the null sender
  bool tls = false;
  std::optional<std::string> auth_username;  ///< as if authenticated under this name
  std::optional<std::string> message;        ///< RFC 5322 octets
};

/// Decides without mail, log or rate token. The object is the answer of the contract §4.7.
class DryRun {
 public:
  virtual ~DryRun() = default;
  virtual Task<Result<boost::json::object>> decide(DryRunRequest request) = 0;
};

struct TraceQuery {
  std::string account_id;  ///< only traces whose webhook belongs to it
  std::optional<std::string> webhook_id;
  std::optional<std::string> outcome;  ///< accepted, rejected, deferred, aborted
  std::uint64_t offset = 0;
  std::uint64_t limit = 20;
};

struct TraceList {
  std::vector<boost::json::object> traces;  ///< newest first, without steps
  std::uint64_t total = 0;
};

class TraceReader {
 public:
  virtual ~TraceReader() = default;
  virtual Task<Result<TraceList>> list(TraceQuery query) = 0;
  /// Takes away what a deleted account left; soon, and without waiting.
  virtual void forget_account(std::string account_id) = 0;
  /// nullopt: no such trace in this account; without an account: of the gateway.
  virtual Task<Result<std::optional<boost::json::object>>> find(
      std::optional<std::string> account_id, std::string id) = 0;
  /// The same as the page draws it: TraceStory of docs/openapi.yaml, without its deliveries.
  virtual Task<Result<std::optional<boost::json::object>>> story(
      std::optional<std::string> account_id, std::string id) = 0;
  virtual Task<Result<store::TraceFound>> search(store::TraceSearch search,
                                                 store::TraceWords words) = 0;
  virtual Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery query) = 0;
  /// Of webhooks of the account, in the order of the ids.
  virtual Task<Result<std::vector<store::DayCounts>>> day_counts(
      std::string account_id, std::vector<std::string> webhooks) = 0;
};

/// A recorded decision and today's.
struct TraceRerunResult {
  bool same = true;  ///< no command would be answered otherwise
  std::vector<std::string> changes;
  store::TraceRow then;
  store::TraceRow now;
  std::vector<std::string> cannot_tell;  ///< sentences: what could not be asked again
  std::vector<std::string> script_log;   ///< what scripts wrote while they decided again
};

/// Decides recorded mail again with what holds today. Nothing is sent, stored or counted.
class TraceRerun {
 public:
  virtual ~TraceRerun() = default;
  /// nullopt: no such trace in this account; without an account, of nobody.
  virtual Task<Result<std::optional<TraceRerunResult>>> run(std::optional<std::string> account,
                                                            std::string id) = 0;
};

/// Recorded traffic under a draft.
struct ReplayRequest {
  /// Judged; nullopt: those that run.
  std::optional<Lists> lists;
  /// In the place of those recorded under the same id.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies;
  std::optional<store::Time> since;
  std::optional<std::uint64_t> limit;  ///< the newest transactions of those
  std::size_t samples = 5;             ///< of each kind of change
};

struct ReplayState {
  enum class Status { running, done, stopped, failed };
  std::string id;  ///< rep_
  Status status = Status::running;
  std::uint64_t done = 0;  ///< transactions
  std::uint64_t all = 0;
  double seconds = 0;
  boost::json::object result;  ///< of a done one: docs/replay.md
  std::string error;           ///< of a failed one
  store::Time created_at;
};

/// One replay at a time, beside running mail at low priority. The last ones are kept in memory.
class Replayer {
 public:
  virtual ~Replayer() = default;
  /// The id of the replay that was started; Fault::conflict while another runs.
  virtual Result<std::string> start(ReplayRequest request) = 0;
  virtual std::optional<ReplayState> state(const std::string& id) = 0;
  /// Newest first.
  virtual std::vector<ReplayState> states() = 0;
  virtual void stop(const std::string& id) = 0;
};

/// What waits for one destination, and what its deliveries do.
struct DestinationState {
  spool::Destination destination;
  std::uint64_t queued = 0;  ///< recipients, in each state
  std::uint64_t held = 0;
  std::uint64_t dead = 0;
  std::uint64_t quarantined = 0;
  spool::Time oldest;                         ///< when the oldest of them was received
  std::optional<spool::Time> due;             ///< of the next attempt; nullopt: nothing is queued
  std::optional<spool::Time> sleeping_until;  ///< nothing is tried before, after repeated trouble
};

/// A stored message's octets. `next` gives pieces, an empty one at the end; Fault::permanent
/// instead of the last one when they are damaged.
struct StoredText {
  std::uint64_t size = 0;
  std::function<Task<Result<std::string>>()> next;
};

/// Whether the sender is told that a message was dropped.
enum class Notify { no, yes };

/// What an action did to those that a filter meets.
struct BulkResult {
  std::uint64_t changed = 0;
  std::uint64_t skipped = 0;  ///< gone meanwhile, damaged or busy
  spool::MessageId next;      ///< where to go on: `before` of the next call; empty: all were seen
};

/// The queue as its operators see and change it. Called on the API's event loop, which never waits
/// for the disk. Faults as of spool::Spool; Fault::temporary also when too many ask at a time.
class QueueControl {
 public:
  virtual ~QueueControl() = default;
  /// As spool::Spool::list(), with recipients.
  virtual Task<Result<std::vector<spool::Message>>> list(spool::ListFilter filter,
                                                         spool::MessageId before,
                                                         std::size_t limit) = 0;
  /// With recipients and evidence.
  virtual Task<Result<std::optional<spool::Message>>> show(spool::MessageId id) = 0;
  virtual Task<Result<StoredText>> text(spool::MessageId id) = 0;
  /// Notify::yes is for Action::drop alone; Fault::denied when no report can be written.
  virtual Task<Result<void>> act(spool::Action action, spool::MessageId id, Notify notify) = 0;
  /// Newest first; as many messages as one call may change, then BulkResult::next.
  virtual Task<Result<BulkResult>> act_on_all(spool::Action action, spool::ListFilter filter,
                                              spool::MessageId before, Notify notify) = 0;
  /// Fault::conflict while another is under way.
  virtual Task<Result<spool::Verification>> verify() = 0;
  /// In the order of destinations.
  virtual Task<Result<std::vector<DestinationState>>> destinations() = 0;
};

/// Answers to what the command line asks about live data, by the name of the question.
class LiveAnswers {
 public:
  virtual ~LiveAnswers() = default;
  virtual Task<Result<boost::json::object>> answer(std::string question,
                                                   boost::json::object given) = 0;
};

/// What keeps the gateway from doing its work; nothing when it is ready.
class ReadinessProbe {
 public:
  virtual ~ReadinessProbe() = default;
  /// One word and one sentence each: {"database", "..."}.
  virtual Task<std::vector<std::pair<std::string, std::string>>> problems() = 0;
};

class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  /// Prometheus text format.
  virtual Task<std::string> text() = 0;
  /// `route` is a template of ours, or "other": a closed set.
  virtual void count_request(std::string_view method, std::string_view route, int status,
                             std::chrono::nanoseconds took) = 0;
};

}  // namespace postern::admin
