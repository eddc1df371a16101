#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "queue/delivery_agent.h"
#include "spool/spool.h"

namespace postern::app {

/// What the queue's runner adds to the spool's data. Each function may be empty. They are called on
/// threads of the pool; `sleeping` and `report` wait for an answer.
struct QueueHooks {
  /// Called for each message after an action was committed.
  std::function<void(spool::Action, spool::Sequence)> acted;
  /// Until when each of these destinations is not tried, in their order; nullopt: it may be tried.
  using Sleeping = std::vector<std::optional<spool::Time>>;
  /// See Sleeping.
  std::function<Result<Sleeping>(std::vector<spool::Destination>)> sleeping;
  /// Queues the report to the sender of a message that is about to be dropped. Told::stored: it is
  /// in the queue; Told::not_due: the sender gets none. In both cases the message may be dropped;
  /// after an error it must be kept. Fault::conflict and Fault::not_found concern this message
  /// only: it is damaged, or a running delivery attempt may still deliver it. After Told::stored it
  /// is not tried again.
  std::function<Result<queue::Told>(const spool::Message&)> report;
  /// Whether the gateway stops: an action on many messages then ends early.
  std::function<bool()> stopping;
};

/// The state of each destination, from the spool's counts and in their order. Blocks.
Result<std::vector<admin::DestinationState>> destination_states(spool::Spool& spool,
                                                                const QueueHooks& hooks = {});

/// spool::Spool::list() with the recipients of each message. Blocks.
Result<std::vector<spool::Message>> list_whole(spool::Spool& spool, const spool::ListFilter& filter,
                                               const spool::MessageId& before, std::size_t limit);

/// Calls spool::Spool::act() and waits for it, with the report before and the hook after it.
/// Blocks.
Result<void> act_and_wait(spool::Spool& spool, const QueueHooks& hooks, spool::Action action,
                          const spool::MessageId& id, admin::Notify notify);
/// Acts on at most `most` messages that match `filter`, from `before` on. If an error follows some
/// changes, the result is BulkResult::next; the caller continues there and gets the error. Blocks.
Result<admin::BulkResult> act_on_some(spool::Spool& spool, const QueueHooks& hooks,
                                      spool::Action action, const spool::ListFilter& filter,
                                      const spool::MessageId& before, admin::Notify notify,
                                      std::size_t most);

/// Makes messages due that are queued at `destination` for recipients in `domain` (ETRN, RFC 1985
/// §5); searches the `most` newest messages. Returns how many it changed; ends early at
/// `hooks.stopping` and at the first spool error. Blocks.
Result<std::size_t> retry_domain(spool::Spool& spool, const QueueHooks& hooks,
                                 const spool::Destination& destination, std::string_view domain,
                                 std::size_t most);

/// The queue for the API: all disk access is on the pool. Spool and pool outlive it. Thread-safe.
class SpoolQueuePort final : public admin::QueueControl {
 public:
  /// Messages that one act_on_all() changes at most.
  static constexpr std::size_t most_at_once = 5000;

  /// `hooks` stay valid while this object lives.
  SpoolQueuePort(spool::Spool& spool, net::WorkPool& disk, QueueHooks hooks = {});

  /// Messages that match `filter`, before `before` (empty: all), at most `limit`.
  Task<Result<std::vector<spool::Message>>> list(spool::ListFilter filter, spool::MessageId before,
                                                 std::size_t limit) override;
  /// One message; nullopt: unknown.
  Task<Result<std::optional<spool::Message>>> show(spool::MessageId id) override;
  /// A message's octets, in pieces.
  Task<Result<admin::StoredText>> text(spool::MessageId id) override;
  /// Performs an action on one message.
  Task<Result<void>> act(spool::Action action, spool::MessageId id, admin::Notify notify) override;
  /// Performs an action on at most most_at_once messages.
  Task<Result<admin::BulkResult>> act_on_all(spool::Action action, spool::ListFilter filter,
                                             spool::MessageId before,
                                             admin::Notify notify) override;
  /// Checks the stored messages; Fault::conflict while a check runs.
  Task<Result<spool::Verification>> verify() override;
  /// The state of each destination.
  Task<Result<std::vector<admin::DestinationState>>> destinations() override;
  /// Accepts nothing new; a running action ends after its current message. Does not wait.
  void close();

 private:
  template <class F>
  auto on_disk(F work, net::Turn turn = {}) -> Task<std::invoke_result_t<F>>;

  spool::Spool& spool_;
  net::WorkPool& disk_;
  QueueHooks hooks_;  ///< immutable
  std::atomic<bool> closed_{false};
  std::mutex verifying_;  ///< one verification at a time, as it uses a disk fully
};

}  // namespace postern::app
