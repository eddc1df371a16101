// The interfaces through which the API uses the rest of the gateway. The app implements and
// connects them. A Task is awaited on the API's event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
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

/// A guardrail of the configuration that an edit would break (docs/guardrails.md).
struct BrokenGuardrail {
  std::string name;             ///< of the guardrail
  std::string sentence;         ///< as the operator wrote it
  bool is_public = false;       ///< other accounts may read name and sentence
  bool proved = true;           ///< false: it could not be proved
  std::string why;              ///< the dialogue that breaks it, or why it is not proved
  std::string told;             ///< the same for who does not operate the gateway; may be empty
  boost::json::object witness;  ///< the dialogue; empty if it is not proved
  boost::json::object witness_for_all;  ///< the same for who does not operate the gateway
};

/// Proves the guardrails before an edit. Each call blocks for a quarter of a second at most, and
/// the time to read the webhooks of the store. Edits are made within hold(), so that two that are
/// harmless alone do not break a sentence together. Thread-safe.
class Guards {
 public:
  /// Webhooks as they would be after an edit.
  struct WebhookEdit {
    std::vector<std::shared_ptr<const policy::Webhook>> webhooks;  ///< changed ones
    /// The changed policy; null: each has the policy that is stored.
    std::shared_ptr<const policy::WebhookPolicy> policy;
    std::vector<std::string> removed;               ///< addresses of webhooks that are no more
    std::vector<std::string> added_domains = {};    ///< that webhooks have from now on
    std::vector<std::string> removed_domains = {};  ///< that they do not have any more
  };

  virtual ~Guards() = default;
  /// Whether there is any guardrail. If not, nothing else need be called.
  virtual bool any() = 0;
  /// The first that the lists would break; nullopt: none.
  virtual std::optional<BrokenGuardrail> broken_by(const Lists& next) = 0;
  /// The first that an edit of webhooks and policies would break; nullopt: none.
  virtual std::optional<BrokenGuardrail> broken_by(const WebhookEdit& edit) = 0;
  /// From the proof until the edit is in force: while what it returns lives, there is no other
  /// guarded edit, here or at another gateway of the cluster, and what these had edited before
  /// counts in proofs. To be given back on the same thread. `comes`: there will be guardrails, if
  /// there are none now. Blocks for `longest` at most. Fault::temporary: others still hold it.
  /// Fault::unreachable: of the cluster.
  virtual Result<std::shared_ptr<void>> hold(std::chrono::milliseconds longest, bool comes) = 0;
};

/// A synthetic message for a webhook; the simulator makes up what is not given.
struct SimulationRequest {
  std::string webhook_id;                                                 ///< wh_
  std::optional<std::string> from;                                        ///< reverse-path
  std::optional<std::string> subject;                                     ///< header field
  std::optional<std::string> text;                                        ///< plain text body
  std::optional<std::string> html;                                        ///< HTML body
  std::vector<std::pair<std::string, std::vector<std::string>>> headers;  ///< field name to values
};

/// The result of a simulation.
struct SimulationResult {
  std::optional<int> http_status;    ///< nullopt: no response
  std::uint64_t duration_ms = 0;     ///< of the whole delivery
  std::optional<std::string> error;  ///< nullopt: the endpoint accepted it
  std::string log_id;                ///< log_
};

/// Posts to a webhook's target without SMTP and policy, and writes a log record.
class Simulator {
 public:
  virtual ~Simulator() = default;
  /// Fault::not_found: no such webhook.
  virtual Task<Result<SimulationResult>> simulate(SimulationRequest request) = 0;
};

/// A real message to a webhook's address, sent from this host over SMTP.
struct TestMailRequest {
  std::string webhook_id;              ///< wh_
  std::optional<std::string> from;     ///< "": the null reverse-path; nullopt: postmaster
  std::optional<std::string> subject;  ///< nullopt: a default
  std::optional<std::string> text;     ///< nullopt: a default
};

/// The result of a test message.
struct TestMailResult {
  /// A line of the SMTP dialogue.
  struct Line {
    bool of_client = false;  ///< sent by the client
    std::string text;        ///< printable
  };
  int code = 0;                         ///< of the final reply
  std::string reply;                    ///< "550 5.7.1 source address ..."
  std::string outcome;                  ///< "accepted", "rejected", "deferred"
  std::optional<std::string> trace_id;  ///< nullopt: no trace
  std::vector<Line> transcript;         ///< the whole dialogue
};

/// Sends test messages.
class TestMail {
 public:
  virtual ~TestMail() = default;
  /// Fault::not_found: no such webhook. Other faults have a message for the client: no listener can
  /// be used, or it did not reply.
  virtual Task<Result<TestMailResult>> send(TestMailRequest request) = 0;
};

/// What to decide in a dry run.
struct DryRunRequest {
  std::shared_ptr<const policy::WebhookPolicy> policy;  ///< the policy to apply
  IpAddress client_ip;                                  ///< of the assumed client
  std::string helo;                                     ///< argument of EHLO
  std::string mail_from;                                ///< empty: the null reverse-path
  bool tls = false;                                     ///< the assumed client uses TLS
  /// The name with which the assumed client authenticated; nullopt: it did not.
  std::optional<std::string> auth_username;
  std::optional<std::string>
      message;  ///< RFC 5322 §2.1; nullopt: controls that need it do not decide
};

/// Decides without mail, log or rate token. The result is the response of `dryRunPolicy`
/// (docs/openapi.yaml).
class DryRun {
 public:
  virtual ~DryRun() = default;
  /// Applies the policy.
  virtual Task<Result<boost::json::object>> decide(DryRunRequest request) = 0;
};

/// Selects traces.
struct TraceQuery {
  std::string account_id;                 ///< only of webhooks in this account
  std::optional<std::string> webhook_id;  ///< nullopt: all
  std::optional<std::string> outcome;     ///< accepted, rejected, deferred, aborted
  std::uint64_t offset = 0;               ///< traces to skip
  std::uint64_t limit = 20;               ///< traces at most
};

/// A page of traces.
struct TraceList {
  std::vector<boost::json::object> traces;  ///< newest first, without steps
  std::uint64_t total = 0;                  ///< of all pages
};

/// Reads traces.
class TraceReader {
 public:
  virtual ~TraceReader() = default;
  /// A page, newest first.
  virtual Task<Result<TraceList>> list(TraceQuery query) = 0;
  /// Starts to delete the traces of a deleted account. Does not wait.
  virtual void forget_account(std::string account_id) = 0;
  /// A trace; nullopt: none in this account. `account_id` nullopt: any trace.
  virtual Task<Result<std::optional<boost::json::object>>> find(
      std::optional<std::string> account_id, std::string id) = 0;
  /// The same as a TraceStory of docs/openapi.yaml, without its deliveries.
  virtual Task<Result<std::optional<boost::json::object>>> story(
      std::optional<std::string> account_id, std::string id) = 0;
  /// A page of matching traces, newest first.
  virtual Task<Result<store::TraceFound>> search(store::TraceSearch search,
                                                 store::TraceWords words) = 0;
  /// Counts over time.
  virtual Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery query) = 0;
  /// The last 24 hours of the account's webhooks, in the order of the ids.
  virtual Task<Result<std::vector<store::DayCounts>>> day_counts(
      std::string account_id, std::vector<std::string> webhooks) = 0;
};

/// Compares a recorded decision with today's.
struct TraceRerunResult {
  bool same = true;                      ///< every command would get the same reply
  std::vector<std::string> changes;      ///< sentences: what would differ
  store::TraceRow then;                  ///< as recorded
  store::TraceRow now;                   ///< as decided now
  std::vector<std::string> cannot_tell;  ///< sentences: what could not be repeated
  std::vector<std::string> script_log;   ///< log lines of scripts during the second decision
};

/// Decides recorded mail again with the current settings. Sends, stores and counts nothing.
class TraceRerun {
 public:
  virtual ~TraceRerun() = default;
  /// nullopt: no such trace in this account. `account` nullopt: any trace.
  virtual Task<Result<std::optional<TraceRerunResult>>> run(std::optional<std::string> account,
                                                            std::string id) = 0;
};

/// Replays recorded traffic with drafts.
struct ReplayRequest {
  /// Judged lists; nullopt: the running ones.
  std::optional<Lists> lists;
  /// Replace the recorded policies with the same ids.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies;
  /// Only traffic since then; nullopt: all.
  std::optional<store::Time> since;
  std::optional<std::uint64_t> limit;  ///< the newest transactions; nullopt: all
  std::size_t samples = 5;             ///< examples per kind of change
};

/// One of the two versions that a plan compares: what runs, apart from what is here.
struct PlanSide {
  std::optional<Lists> lists;  ///< judged; nullopt: the running ones
  /// Replace the stored policies with the same ids.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies = {};
  /// Those that are compared, as they are on this side.
  std::vector<std::shared_ptr<const policy::Webhook>> webhooks = {};
};

/// An edit to judge before it is made.
struct PlanRequest {
  PlanSide before;         ///< OLD
  PlanSide after;          ///< NEW
  std::string account_id;  ///< of the policies
  bool operates = false;   ///< it operates the gateway, and may read its rules
  bool routes = false;     ///< where taken mail goes is compared, too
};

/// Proves what an edit changes. Changes nothing.
class Planner {
 public:
  virtual ~Planner() = default;
  /// The answer of `postern plan --json` (docs/plan.md). Fault::temporary: the gateway is stopping.
  virtual Task<Result<boost::json::object>> plan(PlanRequest request) = 0;
  /// Of an edit that is being made: what of the same fits in a line of the audit log, or null, if
  /// that takes more than a fifth of a second. Blocks so long at most, and the time to read the
  /// store.
  virtual boost::json::value brief(const PlanRequest& request) = 0;
};

/// The state of a replay.
struct ReplayState {
  /// `stopped`: by Replayer::stop().
  enum class Status { running, done, stopped, failed };
  std::string id;                   ///< rep_
  Status status = Status::running;  ///< of the replay
  std::uint64_t done = 0;           ///< transactions replayed
  std::uint64_t all = 0;            ///< transactions to replay
  double seconds = 0;               ///< duration so far
  boost::json::object result;       ///< of Status::done: docs/replay.md
  std::string error;                ///< of Status::failed
  store::Time created_at;           ///< start of the replay
};

/// Runs one replay at a time at low priority, next to live mail. Keeps the last ones in memory.
/// Called on any thread.
class Replayer {
 public:
  virtual ~Replayer() = default;
  /// Returns the id of the started replay. Fault::conflict: another one is running.
  virtual Result<std::string> start(ReplayRequest request) = 0;
  /// nullopt: unknown.
  virtual std::optional<ReplayState> state(const std::string& id) = 0;
  /// Newest first.
  virtual std::vector<ReplayState> states() = 0;
  /// Does nothing if the replay is not running.
  virtual void stop(const std::string& id) = 0;
};

/// The queue for one destination, and the state of its delivery.
struct DestinationState {
  spool::Destination destination;  ///< of the recipients counted here
  std::uint64_t queued = 0;        ///< recipients in this state
  std::uint64_t held = 0;          ///< recipients in this state
  std::uint64_t dead = 0;          ///< recipients in this state
  std::uint64_t quarantined = 0;   ///< recipients in this state
  spool::Time oldest;              ///< reception of the oldest message
  std::optional<spool::Time> due;  ///< time of the next attempt; nullopt: nothing is queued
  std::optional<spool::Time> sleeping_until;  ///< no attempt before, after repeated failures
};

/// The octets of a stored message. `next` returns pieces, and an empty one at the end;
/// Fault::damaged instead of the last piece if the message is damaged.
struct StoredText {
  std::uint64_t size = 0;                           ///< octets
  std::function<Task<Result<std::string>>()> next;  ///< the next piece
};

/// Whether the sender gets a report about a dropped message.
enum class Notify { no, yes };

/// The result of an action on all messages that match a filter.
struct BulkResult {
  std::uint64_t changed = 0;  ///< messages
  std::uint64_t skipped = 0;  ///< messages gone, damaged or busy
  spool::MessageId next;      ///< `before` of the next call; empty: no more
};

/// The queue for its operators. Called on the API's event loop, and never blocks it on the disk.
/// Faults as for spool::Spool; also Fault::temporary if there are too many requests.
class QueueControl {
 public:
  virtual ~QueueControl() = default;
  /// As spool::Spool::list(), with recipients.
  virtual Task<Result<std::vector<spool::Message>>> list(spool::ListFilter filter,
                                                         spool::MessageId before,
                                                         std::size_t limit) = 0;
  /// With recipients and evidence; nullopt: none.
  virtual Task<Result<std::optional<spool::Message>>> show(spool::MessageId id) = 0;
  /// The message's octets. Fault::not_found: no such message.
  virtual Task<Result<StoredText>> text(spool::MessageId id) = 0;
  /// Notify::yes is only for Action::drop. Fault::denied: no report can be written.
  virtual Task<Result<void>> act(spool::Action action, spool::MessageId id, Notify notify) = 0;
  /// Acts on the newest matching messages. Each call changes a limited number; see
  /// BulkResult::next.
  virtual Task<Result<BulkResult>> act_on_all(spool::Action action, spool::ListFilter filter,
                                              spool::MessageId before, Notify notify) = 0;
  /// Checks all stored messages. Fault::conflict: a check is already running.
  virtual Task<Result<spool::Verification>> verify() = 0;
  /// All destinations, sorted.
  virtual Task<Result<std::vector<DestinationState>>> destinations() = 0;
};

/// Answers questions of the command line about live data, by name.
class LiveAnswers {
 public:
  virtual ~LiveAnswers() = default;
  /// `given`: arguments, not checked yet. Fault::malformed: unknown question, wrong arguments.
  virtual Task<Result<boost::json::object>> answer(std::string question,
                                                   boost::json::object given) = 0;
};

/// Reports what prevents the gateway from working.
class ReadinessProbe {
 public:
  virtual ~ReadinessProbe() = default;
  /// A word and a sentence for each problem: {"database", "..."}; empty: ready.
  virtual Task<std::vector<std::pair<std::string, std::string>>> problems() = 0;
};

/// Collects and shows metrics.
class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  /// Prometheus text format.
  virtual Task<std::string> text() = 0;
  /// `route` is a route's template, or "other": a closed set.
  virtual void count_request(std::string_view method, std::string_view route, int status,
                             std::chrono::nanoseconds took) = 0;
};

}  // namespace postern::admin
