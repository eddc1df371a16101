// The part of Runner that makes an attempt: claims a parcel, has it delivered and records the
// result.
#include <algorithm>
#include <utility>

#include "queue/attempt_log.h"
#include "queue/runner_parts.h"
#include "queue/stored.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::queue {
namespace log = telemetry::log;
using relay::Scheduler;
using spool::RouteKind;

Task<Runner::Fetched> Runner::fetch(Number number) {
  auto fetched = co_await disk_.run([this, number]() -> Fetched {
    Fetched out;
    auto message = spool_.get(message_of(number));
    if (!message) return {.state = Fetched::State::trouble, .error = message.error()};
    if (!*message) return {};
    out.message = std::move(**message);
    const auto& recipients = out.message.envelope.recipients;
    const std::size_t first = number & 0xffff;
    if (first >= recipients.size()) return {};
    out.destination = recipients[first].destination;
    for (std::uint32_t i = 0; i < recipients.size(); ++i) {
      if (recipients[i].destination == out.destination &&
          recipients[i].state == spool::State::queued) {
        out.recipients.push_back(i);
      }
    }
    if (out.recipients.empty()) return {};
    Result<spool::BodyReader> body = spool_.body(out.message.id);
    if (!body) {
      const bool damaged = body.error().fault == Fault::damaged;
      out.state = damaged ? Fetched::State::damaged : Fetched::State::trouble;
      out.error = body.error();
      return out;
    }
    out.text.emplace(spool_, out.message.id, std::move(*body));
    if (out.text->size() > text_kept_open) out.text->release();
    out.state = Fetched::State::there;
    return out;
  });
  if (!fetched) co_return Fetched{.state = Fetched::State::trouble, .error = fetched.error()};
  const auto place = places_.find(number);
  fetched->arrival = place != places_.end() ? place->second.arrival : now();
  co_return std::move(*fetched);
}

Task<void> Runner::attempt(Scheduler::Work work) {
  const Number number = work.message;
  Ended ended;
  try {
    ended = co_await try_once(work);
  } catch (const std::exception& thrown) {
    log::error("queue.error").field("error", thrown.what());
    ended.times = Scheduler::Times{now() + after_trouble, relay::never};
  }
  const Running running = running_.extract(number).mapped();
  // A change during the attempt is read from the spool, whatever the attempt's result.
  if (running.changed) ended.times.reset();
  scheduler_.finished(running.place, ended.contact, ended.times, now());
  if (!ended.times) forget(number);
  if (running.changed) co_await reload(message_of(number), running.urgent);
  // Mail and guests take turns: the end of a guest's connection lets mail begin first.
  if (options_.freed) options_.freed(running.destination);
  pump();
}

Task<Runner::Ended> Runner::try_once(const Scheduler::Work& work) {
  const Number number = work.message;
  const bool extra = work.what == Scheduler::Work::What::extra_attempt;
  const Ended in_trouble{.times = Scheduler::Times{now() + after_trouble, relay::never}};
  Fetched fetched = co_await fetch(number);
  if (fetched.state == Fetched::State::gone) co_return Ended{};
  if (fetched.state == Fetched::State::damaged) {
    co_await quarantine(fetched.message.id, fetched.error);
    co_return Ended{};
  }
  if (fetched.state == Fetched::State::trouble) {
    log::store_error(fetched.error);
    co_return in_trouble;
  }
  running_.at(number).destination = fetched.destination;
  limit(fetched.destination);  // routes may have changed since it was scheduled
  const std::uint32_t attempts =
      fetched.message.envelope.recipients[fetched.recipients.front()].attempts + 1;
  const Next next = next_of(fetched, attempts, now(), extra);

  // Stored before anything is sent: an attempt that a crash cuts off counts.
  std::vector<spool::RecipientKey> keys;
  for (const std::uint32_t index : fetched.recipients) keys.push_back({fetched.message.id, index});
  const auto claims = co_await stored<std::vector<spool::Claim>>([&](auto done) {
    spool_.claim(keys, spool::Time::max(), next.times ? next.stored : wall(now() + after_trouble),
                 std::move(done));
  });
  if (!claims) {
    log::store_error(claims.error());
    co_return in_trouble;
  }
  fetched.recipients.clear();
  for (const spool::Claim& claim : *claims) fetched.recipients.push_back(claim.key.index);
  // An operator was faster, or the claim of a process that died still counts: it is looked at
  // again.
  if (fetched.recipients.empty()) co_return in_trouble;

  const auto begun = std::chrono::steady_clock::now();
  // Only for the first attempt of a message and destination: a host may take minutes to reply
  // (RFC 5321 §4.5.3.2). It gets the mail at the next attempt, when it is known to be slow and has
  // fewer slots.
  const bool is_first = std::all_of(claims->begin(), claims->end(),
                                    [](const spool::Claim& claim) { return claim.attempt == 1; });
  const auto limit =
      work.crowded && is_first ? options_.longest_crowded_attempt : options_.longest_attempt;
  const DeliveryTask task{
      .message = fetched.message,
      .destination = fetched.destination,
      .recipients = fetched.recipients,
      .attempt = claims->front().attempt,
      .started = std::chrono::system_clock::now(),
      .next_attempt = next.times ? std::optional(next.stored) : std::nullopt,
      .until = begun + limit + std::chrono::seconds(fetched.message.size / octets_per_second)};
  const Carried carried = co_await carry(task, *fetched.text);
  if (fetched.text->damaged()) {
    co_await quarantine(fetched.message.id, *fetched.text->trouble());
    co_return Ended{.contact = carried.contact};
  }

  // The delay runs from the end of the attempt.
  Next again = next_of(fetched, attempts, now(), extra);
  if (again.times && carried.retry_after) {
    const relay::Time not_before = now() + *carried.retry_after;
    again.times->due = std::max(again.times->due, not_before);
    again.stored = std::max(again.stored, wall(not_before));
  }
  std::vector<spool::Settlement> settlements;
  for (std::size_t i = 0; i < fetched.recipients.size(); ++i) {
    settlements.push_back(settlement_of(task, i, (*claims)[i], carried, again, extra));
  }
  const bool told = co_await report_failures(task, carried, settlements, *fetched.text);
  if (fetched.text->damaged()) {  // making the report read it for the first time
    std::erase_if(settlements,
                  [](const auto& one) { return one.outcome != spool::AttemptOutcome::delivered; });
    co_await settle(std::move(settlements), fetched.message.id);
    co_await quarantine(fetched.message.id, *fetched.text->trouble());
    co_return Ended{.contact = carried.contact};
  }
  if (!told) {
    // The sender cannot get a report now, so the message does not fail yet.
    if (!again.times) again = {in_trouble.times, wall(in_trouble.times->due)};
    for (spool::Settlement& settlement : settlements) {
      if (settlement.outcome != spool::AttemptOutcome::failed) continue;
      settlement.outcome = spool::AttemptOutcome::retry;
      settlement.next_attempt = again.stored;
      settlement.extra = extra;
    }
  }
  note_attempt(task, carried, settlements, std::chrono::steady_clock::now() - begun);
  const bool stays = std::any_of(settlements.begin(), settlements.end(), [](const auto& one) {
    return one.outcome == spool::AttemptOutcome::retry;
  });
  co_await settle(std::move(settlements), fetched.message.id);
  co_return Ended{.contact = carried.contact,
                  .times = stays ? again.times : std::optional<Scheduler::Times>()};
}

/// Calls the courier; the result has one entry for each recipient even after an exception.
Task<Carried> Runner::carry(const DeliveryTask& task, Text& text) {
  Carried carried;
  try {
    carried = co_await courier_of(task.destination).carry(task, text);
  } catch (const std::exception& thrown) {
    carried = {};
    carried.results.assign(task.recipients.size(),
                           own_result(smtp::ResultClass::temporary, {4, 3, 0}, thrown.what()));
  }
  carried.results.resize(task.recipients.size());
  carried.remotes.resize(task.recipients.size());
  co_return carried;
}

spool::Settlement Runner::settlement_of(const DeliveryTask& task, std::size_t index,
                                        const spool::Claim& claim, const Carried& carried,
                                        const Next& again, bool extra) {
  const smtp::RecipientResult& result = carried.results[index];
  spool::Settlement settlement{
      .key = claim.key, .attempt = claim.attempt, .reply = text_of(result)};
  if (result.klass == smtp::ResultClass::delivered) {
    settlement.outcome = spool::AttemptOutcome::delivered;
  } else if (result.klass == smtp::ResultClass::permanent || !again.times) {
    settlement.outcome = task.destination.kind == RouteKind::webhook
                             ? spool::AttemptOutcome::dead
                             : spool::AttemptOutcome::failed;
  } else {
    settlement.outcome = spool::AttemptOutcome::retry;
    settlement.next_attempt = again.stored;
    settlement.extra = extra;
  }
  return settlement;
}

/// Quarantines a message whose octets are not those that were stored.
Task<void> Runner::quarantine(spool::MessageId id, Error damage) {
  log::error("queue.damaged").field("message_id", id).field("error", damage.message);
  const Result<void> marked = co_await stored<void>(
      [&](auto done) { spool_.quarantine(id, damage.message, std::move(done)); });
  if (!marked) log::store_error(marked.error());
}

/// If a result cannot be stored, the message leaves the scheduler anyway: a delivered message must
/// not be delivered again before the next start has read the spool.
Task<void> Runner::settle(std::vector<spool::Settlement> settlements, std::string_view what) {
  const Result<void> settled = co_await stored<void>(
      [&](auto done) { spool_.settle(std::move(settlements), std::move(done)); });
  if (settled) co_return;
  log::error("store.error").field("message_id", what).field("error", settled.error().message);
}

}  // namespace postern::queue
