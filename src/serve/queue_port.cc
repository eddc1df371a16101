#include "serve/queue_port.h"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "base/text.h"

namespace postern::app {

using spool::Action;
using spool::MessageId;
using spool::Spool;

namespace {

/// Actions that wait for one commit together.
constexpr std::size_t batch = 200;

Result<queue::Told> report_drop(Spool& spool, const QueueHooks& hooks, const MessageId& id) {
  if (!hooks.report) {
    return fail(Fault::denied, "only a running gateway that relays mail writes reports");
  }
  const auto message = spool.get(id);
  if (!message) return tl::unexpected(message.error());
  if (!*message) return fail(Fault::not_found, "no such message is queued");
  return hooks.report(**message);
}

std::future<Result<void>> begin(Spool& spool, Action action, const MessageId& id) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  auto future = answer->get_future();
  const auto now = std::chrono::time_point_cast<spool::Time::duration>(
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  spool.act(action, id, now, [answer](const Result<void>& done) { answer->set_value(done); });
  return future;
}

/// The result for a message on which no action was begun.
std::future<Result<void>> refused(Error why) {
  std::promise<Result<void>> answer;
  answer.set_value(tl::unexpected(std::move(why)));
  return answer.get_future();
}

/// Whether the error concerns this message only: it is gone, damaged, or being delivered.
bool is_skipped(const Error& error) {
  return error.fault == Fault::not_found || error.fault == Fault::conflict;
}

}  // namespace

Result<std::vector<admin::DestinationState>> destination_states(Spool& spool,
                                                                const QueueHooks& hooks) {
  const auto counts = spool.counts();
  if (!counts) return tl::unexpected(counts.error());
  std::vector<admin::DestinationState> states;
  std::vector<spool::Destination> destinations;
  for (const spool::DestinationCount& count : *counts) {
    if (states.empty() || states.back().destination != count.destination) {
      states.push_back({.destination = count.destination, .oldest = count.oldest});
      destinations.push_back(count.destination);
    }
    admin::DestinationState& state = states.back();
    state.oldest = std::min(state.oldest, count.oldest);
    switch (count.state) {
      case spool::State::queued:
        state.queued = count.recipients;
        state.due = count.due;
        break;
      case spool::State::held:
        state.held = count.recipients;
        break;
      case spool::State::dead:
        state.dead = count.recipients;
        break;
      case spool::State::quarantined:
        state.quarantined = count.recipients;
        break;
      case spool::State::delivered:
      case spool::State::failed:
        break;
    }
  }
  if (!hooks.sleeping || states.empty()) return states;
  const Result<QueueHooks::Sleeping> until = hooks.sleeping(std::move(destinations));
  if (!until) return tl::unexpected(until.error());
  for (std::size_t i = 0; i < states.size(); ++i) states[i].sleeping_until = until->at(i);
  return states;
}

Result<std::vector<spool::Message>> list_whole(Spool& spool, const spool::ListFilter& filter,
                                               const MessageId& before, std::size_t limit) {
  auto messages = spool.list(filter, before, limit);
  if (!messages) return messages;
  for (spool::Message& message : *messages) {
    auto whole = spool.get(message.id);
    if (!whole) return tl::unexpected(whole.error());
    // A message that is gone meanwhile stays in the page; a shorter page would look like the last.
    if (*whole) message.envelope.recipients = std::move((**whole).envelope.recipients);
  }
  return messages;
}

Result<void> act_and_wait(Spool& spool, const QueueHooks& hooks, Action action, const MessageId& id,
                          admin::Notify notify) {
  if (notify == admin::Notify::yes) {
    const Result<queue::Told> told = report_drop(spool, hooks, id);
    if (!told) return tl::unexpected(told.error());
    // For one message the operator decides; for many, those without a report are dropped silently.
    if (*told == queue::Told::not_due) return fail(Fault::denied, "a report is not due");
  }
  Result<std::optional<spool::Message>> message;
  if (hooks.acted) message = spool.get(id);
  Result<void> done = begin(spool, action, id).get();
  if (done && hooks.acted && message && *message) hooks.acted(action, (*message)->sequence);
  return done;
}

Result<admin::BulkResult> act_on_some(Spool& spool, const QueueHooks& hooks, Action action,
                                      const spool::ListFilter& filter, const MessageId& before,
                                      admin::Notify notify, std::size_t most) {
  admin::BulkResult result{.next = before};
  // Changes are reported before the error, which the next call meets again.
  const auto ended_by = [&](const Error& trouble) -> Result<admin::BulkResult> {
    if (result.changed == 0) return tl::unexpected(trouble);
    return result;
  };
  for (std::size_t seen = 0; seen < most;) {
    const std::size_t wanted = std::min(batch, most - seen);
    const auto messages = spool.list(filter, result.next, wanted);
    if (!messages) return ended_by(messages.error());
    std::vector<std::future<Result<void>>> pending;
    std::optional<Error> trouble;
    for (const spool::Message& message : *messages) {
      if (hooks.stopping && hooks.stopping()) {
        trouble = Error{Fault::temporary, "the gateway is stopping; go on when it has started"};
        break;
      }
      if (notify == admin::Notify::yes) {
        const Result<queue::Told> told = report_drop(spool, hooks, message.id);
        if (!told && !is_skipped(told.error())) {
          trouble = told.error();
          break;
        }
        if (!told) {
          pending.push_back(refused(told.error()));
          continue;
        }
      }
      pending.push_back(begin(spool, action, message.id));
    }
    for (std::size_t i = 0; i < pending.size(); ++i) {
      const spool::Message& message = messages->at(i);
      const Result<void> done = pending[i].get();
      if (done) {
        result.changed += 1;
        if (hooks.acted) hooks.acted(action, message.sequence);
      } else if (is_skipped(done.error())) {
        result.skipped += 1;
      } else {
        return ended_by(done.error());
      }
      result.next = message.id;
    }
    if (trouble) return ended_by(*trouble);
    seen += messages->size();
    if (messages->size() < wanted) {
      result.next.clear();
      return result;
    }
    result.next = messages->back().id;
  }
  return result;
}

Result<std::size_t> retry_domain(Spool& spool, const QueueHooks& hooks,
                                 const spool::Destination& destination, std::string_view domain,
                                 std::size_t most) {
  const spool::ListFilter filter{.state = spool::State::queued, .destination = destination};
  const std::string end = "@" + lower(domain);
  std::size_t changed = 0;
  MessageId before;
  for (std::size_t seen = 0; seen < most;) {
    const auto messages = list_whole(spool, filter, before, batch);
    if (!messages) return tl::unexpected(messages.error());
    for (const spool::Message& message : *messages) {
      if (hooks.stopping && hooks.stopping()) return changed;
      const auto& recipients = message.envelope.recipients;
      const bool meant = std::any_of(recipients.begin(), recipients.end(), [&](const auto& one) {
        return one.state == spool::State::queued && lower(one.address).ends_with(end);
      });
      if (!meant) continue;
      const auto done = act_and_wait(spool, hooks, Action::retry, message.id, admin::Notify::no);
      if (!done && !is_skipped(done.error())) return tl::unexpected(done.error());
      if (done) ++changed;
    }
    if (messages->size() < batch) break;
    seen += messages->size();
    before = messages->back().id;
  }
  return changed;
}

SpoolQueuePort::SpoolQueuePort(Spool& spool, net::WorkPool& disk, QueueHooks hooks)
    : spool_(spool), disk_(disk), hooks_(std::move(hooks)) {
  hooks_.stopping = [this] { return closed_.load(); };
}

void SpoolQueuePort::close() {
  closed_ = true;
  disk_.refuse();
}

template <class F>
auto SpoolQueuePort::on_disk(F work, net::Turn turn) -> Task<std::invoke_result_t<F>> {
  auto ran = co_await disk_.run(std::move(turn), std::move(work));
  if (!ran) co_return tl::unexpected(ran.error());
  co_return std::move(*ran);
}

Task<Result<std::vector<spool::Message>>> SpoolQueuePort::list(spool::ListFilter filter,
                                                               MessageId before,
                                                               std::size_t limit) {
  // Queries of a webhook's owner must not delay those of operators.
  net::Turn turn;
  if (filter.destination && filter.destination->kind == spool::RouteKind::webhook) {
    turn.account = filter.destination->key;
  }
  auto ask = [this, filter = std::move(filter), before = std::move(before), limit] {
    return list_whole(spool_, filter, before, limit);
  };
  co_return co_await on_disk(std::move(ask), std::move(turn));
}

Task<Result<std::optional<spool::Message>>> SpoolQueuePort::show(MessageId id) {
  auto ask = [this, id = std::move(id)] { return spool_.get(id); };
  co_return co_await on_disk(std::move(ask));
}

namespace {

/// Reads a piece of a stored message on the pool.
Task<Result<std::string>> next_piece(net::WorkPool& disk,
                                     std::shared_ptr<spool::BodyReader> reader) {
  auto read = [reader]() -> Result<std::string> {
    const Result<std::string_view> piece = reader->next();
    if (!piece) return tl::unexpected(piece.error());
    return std::string(*piece);
  };
  Result<Result<std::string>> ran = co_await disk.run(std::move(read));
  if (!ran) co_return tl::unexpected(ran.error());
  co_return std::move(*ran);
}

}  // namespace

Task<Result<admin::StoredText>> SpoolQueuePort::text(MessageId id) {
  auto open = [this, id = std::move(id)]() -> Result<std::shared_ptr<spool::BodyReader>> {
    Result<spool::BodyReader> reader = spool_.body(id);
    if (!reader) return tl::unexpected(reader.error());
    return std::make_shared<spool::BodyReader>(std::move(*reader));
  };
  const Result<std::shared_ptr<spool::BodyReader>> reader = co_await on_disk(std::move(open));
  if (!reader) co_return tl::unexpected(reader.error());
  co_return admin::StoredText{.size = (*reader)->size(), .next = [&disk = disk_, reader = *reader] {
                                return next_piece(disk, reader);
                              }};
}

Task<Result<void>> SpoolQueuePort::act(Action action, MessageId id, admin::Notify notify) {
  auto act = [this, action, id = std::move(id), notify] {
    return act_and_wait(spool_, hooks_, action, id, notify);
  };
  co_return co_await on_disk(std::move(act));
}

Task<Result<admin::BulkResult>> SpoolQueuePort::act_on_all(Action action, spool::ListFilter filter,
                                                           MessageId before, admin::Notify notify) {
  auto act = [this, action, filter = std::move(filter), before = std::move(before), notify] {
    return act_on_some(spool_, hooks_, action, filter, before, notify, most_at_once);
  };
  co_return co_await on_disk(std::move(act));
}

Task<Result<spool::Verification>> SpoolQueuePort::verify() {
  auto ask = [this]() -> Result<spool::Verification> {
    const std::unique_lock only(verifying_, std::try_to_lock);
    if (!only) return fail(Fault::conflict, "a verification is under way; wait for its end");
    return spool_.verify();
  };
  co_return co_await on_disk(std::move(ask));
}

Task<Result<std::vector<admin::DestinationState>>> SpoolQueuePort::destinations() {
  auto ask = [this] { return destination_states(spool_, hooks_); };
  co_return co_await on_disk(std::move(ask));
}

}  // namespace postern::app
