#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/ports.h"
#include "net/work_pool.h"
#include "queue/courier.h"
#include "spool/spool.h"

namespace postern::app {

/// What the queue's runner adds to what the spool knows. Each may be unset. Called on threads of
/// the pool; `sleeping` and `report` wait for an answer.
struct QueueHooks {
  /// After an action's commit, for each message.
  std::function<void(spool::Action, spool::Sequence)> acted;
  /// Until when each of these destinations rests, in their order.
  using Sleeping = std::vector<std::optional<spool::Time>>;
  std::function<Result<Sleeping>(std::vector<spool::Destination>)> sleeping;
  /// Puts the report that a message was dropped into the queue. Told::stored: it is; not_due: the
  /// sender is to hear nothing. The message may go after both, and after an error it may not.
  /// Fault::conflict and Fault::not_found are about this message alone: it is damaged, or
  /// an attempt under way may still deliver it. Nothing is tried with it after Told::stored.
  std::function<Result<queue::Told>(const spool::Message&)> report;
  /// The gateway stops: what is left of an action on many messages is left.
  std::function<bool()> stopping;
};

/// The state of each destination, from the spool's counts; in their order. Blocks.
Result<std::vector<admin::DestinationState>> destination_states(spool::Spool& spool,
                                                                const QueueHooks& hooks = {});

/// spool::Spool::list() with the recipients of each message. Blocks.
Result<std::vector<spool::Message>> list_whole(spool::Spool& spool, const spool::ListFilter& filter,
                                               const spool::MessageId& before, std::size_t limit);

/// spool::Spool::act() waited for, the report before it and the hook after it included. Blocks.
Result<void> act_and_wait(spool::Spool& spool, const QueueHooks& hooks, spool::Action action,
                          const spool::MessageId& id, admin::Notify notify);
/// The messages that `filter` meets, from `before` on, `most` of them. Trouble after some of them
/// ends it with BulkResult::next, from where the caller goes on and is told. Blocks.
Result<admin::BulkResult> act_on_some(spool::Spool& spool, const QueueHooks& hooks,
                                      spool::Action action, const spool::ListFilter& filter,
                                      const spool::MessageId& before, admin::Notify notify,
                                      std::size_t most);

/// Makes due at once what is queued at `destination` for recipients in `domain` (ETRN): of the
/// `most` messages there that came last. How many it changed; ends at `hooks.stopping` and at the
/// first trouble of the spool. Blocks.
Result<std::size_t> retry_domain(spool::Spool& spool, const QueueHooks& hooks,
                                 const spool::Destination& destination, std::string_view domain,
                                 std::size_t most);

/// The queue over the API: every question to the disk on the pool. Spool and pool outlive it.
class SpoolQueuePort final : public admin::QueueControl {
 public:
  /// Messages that one call of act_on_all() changes.
  static constexpr std::size_t most_at_once = 5000;

  SpoolQueuePort(spool::Spool& spool, net::WorkPool& disk, QueueHooks hooks = {});

  Task<Result<std::vector<spool::Message>>> list(spool::ListFilter filter, spool::MessageId before,
                                                 std::size_t limit) override;
  Task<Result<std::optional<spool::Message>>> show(spool::MessageId id) override;
  Task<Result<admin::StoredText>> text(spool::MessageId id) override;
  Task<Result<void>> act(spool::Action action, spool::MessageId id, admin::Notify notify) override;
  Task<Result<admin::BulkResult>> act_on_all(spool::Action action, spool::ListFilter filter,
                                             spool::MessageId before,
                                             admin::Notify notify) override;
  Task<Result<spool::Verification>> verify() override;
  Task<Result<std::vector<admin::DestinationState>>> destinations() override;
  /// Nothing new is taken, and what runs ends at its next message. Waits for nobody.
  void close();

 private:
  template <class F>
  auto on_disk(F work, net::Turn turn = {}) -> Task<std::invoke_result_t<F>>;

  spool::Spool& spool_;
  net::WorkPool& disk_;
  QueueHooks hooks_;  ///< not changed after the constructor
  std::atomic<bool> closed_{false};
  std::atomic<bool> verifying_{false};  ///< one at a time: it keeps a disk busy
};

}  // namespace postern::app
