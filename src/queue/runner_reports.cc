// The part of Runner that reports to senders: failures, delays and dropped messages.
#include <algorithm>
#include <utility>

#include "queue/runner_parts.h"
#include "queue/stored.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::queue {
namespace log = telemetry::log;
using spool::RouteKind;

/// False when a report may be due and cannot be made or stored.
Task<bool> Runner::report_failures(const DeliveryTask& task, const Carried& carried,
                                   const std::vector<spool::Settlement>& settlements, Text& text) {
  std::vector<std::uint32_t> recipients;
  Carried failed{.results = {}, .contact = carried.contact, .remotes = {}};
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    if (settlements[i].outcome != spool::AttemptOutcome::failed) continue;
    recipients.push_back(task.recipients[i]);
    failed.results.push_back(carried.results[i]);
    failed.remotes.push_back(carried.remotes[i]);
  }
  if (recipients.empty()) co_return true;
  const DeliveryTask about{.message = task.message,
                           .destination = task.destination,
                           .recipients = recipients,
                           .attempt = task.attempt,
                           .started = task.started,
                           .next_attempt = {}};
  const Result<Told> told = co_await report(Reporter::Event::failed, about, failed, text);
  co_return told.has_value();
}

/// The report is stored before the failure: after a crash in between the sender may get two
/// reports, but never none.
Task<Result<Told>> Runner::report(Reporter::Event event, const DeliveryTask& task,
                                  const Carried& carried, Text& text) {
  if (reporter_ == nullptr) co_return Told::not_due;
  Result<std::optional<Reporter::Report>> made;
  try {
    made = reporter_->report(event, task, carried, text);
  } catch (const std::exception& thrown) {
    made = fail(Fault::bug, thrown.what());
  }
  if (!made) {
    log::store_error(made.error()).field("message_id", task.message.id);
    co_return tl::unexpected(made.error());
  }
  if (!*made) co_return Told::not_due;
  const auto kept = co_await stored<spool::MessageId>([&](auto done) {
    spool_.put(std::move((*made)->envelope), std::move((*made)->body), std::move(done));
  });
  if (!kept) {
    reporter_->lost(task);
    log::store_error(kept.error());
    co_return tl::unexpected(kept.error());
  }
  log::info("report.queued").field("message_id", *kept).field("original", task.message.id);
  wake();
  co_return Told::stored;
}

Task<Result<Told>> Runner::damaged_drop(const spool::Message& message, Error damage) {
  if (message.damage.empty()) co_await quarantine(message.id, std::move(damage));
  co_return fail(Fault::conflict, "the message is damaged; drop it without a report");
}

bool Runner::is_under_way(spool::Sequence message) const {
  const Number first = number_of(message, 0);
  const Number end = number_of(message + 1, 0);
  if (const auto at = expiring_.lower_bound(first); at != expiring_.end() && *at < end) return true;
  for (auto at = places_.lower_bound(first); at != places_.end() && at->first < end; ++at) {
    if (running_.contains(at->first)) return true;
  }
  return false;
}

/// Removes a message from the scheduler. Not for a message for which is_under_way() is true.
void Runner::take_out(spool::Sequence message) {
  for (auto at = places_.lower_bound(number_of(message, 0));
       at != places_.end() && message_of(at->first) == message;) {
    scheduler_.remove(at->second.place, now());
    at = places_.erase(at);
  }
}

Task<Result<Told>> Runner::report_dropped(const spool::Message& message) {
  const spool::Sequence sequence = message.sequence;
  if (is_under_way(sequence)) {
    co_return fail(Fault::conflict,
                   "a delivery of the message is under way; try again when it is over, or drop it "
                   "without a report");
  }
  const auto [known, is_first] = dropped_.try_emplace(sequence);
  if (!is_first && known->second) co_return *known->second;
  if (!is_first) co_return fail(Fault::conflict, "the message is being dropped");
  take_out(sequence);
  Result<Told> told;
  try {
    told = co_await tell_dropped(message.id);
  } catch (const std::exception& thrown) {
    told = fail(Fault::bug, thrown.what());
  }
  if (told == Told::stored) {
    dropped_[sequence] = *told;
    co_return told;
  }
  dropped_.erase(sequence);
  co_await reload(sequence, false);
  co_return told;
}

/// Reads the message again, because an attempt may have ended since the operator saw it.
Task<Result<Told>> Runner::tell_dropped(spool::MessageId id) {
  auto found = co_await disk_.run([this, &id] { return spool_.get(id); });
  if (!found) co_return tl::unexpected(found.error());
  if (!*found) co_return tl::unexpected(found->error());
  if (!**found) co_return fail(Fault::not_found, "no such message is queued");
  const spool::Message message = std::move(***found);
  auto body = co_await disk_.run([this, &id] { return spool_.body(id); });
  if (!body) co_return tl::unexpected(body.error());
  if (!*body && body->error().fault == Fault::damaged) {
    co_return co_await damaged_drop(message, body->error());
  }
  if (!*body) co_return tl::unexpected(body->error());
  Text text(spool_, message.id, std::move(**body));
  std::vector<std::uint32_t> recipients;
  Carried carried;
  for (std::uint32_t i = 0; i < message.envelope.recipients.size(); ++i) {
    const spool::Recipient& recipient = message.envelope.recipients[i];
    if (recipient.state == spool::State::delivered || recipient.state == spool::State::failed) {
      continue;
    }
    if (recipient.destination.kind == RouteKind::webhook) continue;
    recipients.push_back(i);
    carried.results.push_back(
        own_result(smtp::ResultClass::permanent, {5, 0, 0}, "deleted by the postmaster"));
  }
  if (recipients.empty()) co_return Told::not_due;
  carried.remotes.resize(recipients.size());
  const DeliveryTask task{
      .message = message,
      .destination = message.envelope.recipients[recipients.front()].destination,
      .recipients = recipients,
      .started = std::chrono::system_clock::now(),
      .next_attempt = {}};
  Result<Told> told = co_await report(Reporter::Event::failed, task, carried, text);
  if (text.damaged()) co_return co_await damaged_drop(message, *text.trouble());
  co_return told;
}

Task<void> Runner::deadline(Number number) {
  try {
    co_await look_at_deadline(number);
  } catch (const std::exception& thrown) {
    log::error("queue.error").field("error", thrown.what());
    if (const auto place = places_.find(number); place != places_.end()) {
      scheduler_.set_deadline(place->second.place, now() + after_trouble);
    }
  }
  expiring_.erase(number);
}

Task<void> Runner::look_at_deadline(Number number) {
  Fetched fetched = co_await fetch(number);
  const auto place = places_.find(number);
  if (place == places_.end() || running_.contains(number)) {
    if (place != places_.end()) {
      scheduler_.set_deadline(place->second.place, now() + after_trouble);
    }
    co_return pump();
  }
  if (fetched.state != Fetched::State::there) {
    if (fetched.state == Fetched::State::trouble) {
      scheduler_.set_deadline(place->second.place, now() + after_trouble);
    }
    co_return pump();  // gone or damaged: the next attempt handles it
  }
  const spool::Recipient& first = fetched.message.envelope.recipients[fetched.recipients.front()];
  const relay::RetryPolicy policy =
      policy_of(fetched.destination, fetched.message.envelope.reverse_path.empty());
  relay::Retry retry(policy, {.arrival = fetched.arrival,
                              .due = since_epoch(first.next_attempt),
                              .attempts = first.attempts,
                              .held = first.held,
                              .noticed = first.noticed});
  const relay::Deadline due = retry.deadline();
  if (due.at > now()) {
    scheduler_.set_deadline(place->second.place, due.at);
    co_return pump();
  }
  expiring_.insert(number);
  const bool expires = due.what == relay::Deadline::What::expiry;
  Carried carried;
  std::vector<spool::Settlement> settlements;
  std::vector<spool::RecipientKey> keys;
  for (const std::uint32_t index : fetched.recipients) {
    const spool::Recipient& recipient = fetched.message.envelope.recipients[index];
    carried.results.push_back(
        own_result(expires ? smtp::ResultClass::permanent : smtp::ResultClass::temporary,
                   expires ? relay::expired_status : smtp::EnhancedCode{4, 4, 1},
                   recipient.last_reply.empty() ? "no host accepted the message in time"
                                                : recipient.last_reply));
    keys.push_back({fetched.message.id, index});
    settlements.push_back({.key = keys.back(),
                           .attempt = 0,
                           .outcome = spool::AttemptOutcome::failed,
                           .reply = "expired: " + recipient.last_reply});
  }
  carried.remotes.resize(carried.results.size());
  const DeliveryTask task{
      .message = fetched.message,
      .destination = fetched.destination,
      .recipients = fetched.recipients,
      .attempt = first.attempts,
      .started = std::chrono::system_clock::now(),
      .next_attempt = expires ? std::nullopt : std::optional(first.next_attempt)};
  const Result<Told> told = co_await report(
      expires ? Reporter::Event::failed : Reporter::Event::delayed, task, carried, *fetched.text);
  if (fetched.text->damaged()) {
    co_await quarantine(fetched.message.id, *fetched.text->trouble());
    co_await reload(message_of(number), false);
    co_return;
  }
  if (!told) {  // the report cannot be made or stored now: try later
    if (const auto still = places_.find(number); still != places_.end()) {
      scheduler_.set_deadline(still->second.place, now() + after_trouble);
    }
    co_return pump();
  }
  if (expires) {
    log::info("delivery.expired")
        .field("message_id", fetched.message.id)
        .field("route", fetched.destination.key)
        .field("reply", first.last_reply);
    co_await settle(std::move(settlements), fetched.message.id);
    co_await reload(message_of(number), false);
    co_return;
  }
  const Result<void> noted =
      co_await stored<void>([&](auto done) { spool_.notice(keys, std::move(done)); });
  if (!noted) log::store_error(noted.error());
  retry.noticed();
  if (const auto still = places_.find(number); still != places_.end()) {
    scheduler_.set_deadline(still->second.place, retry.deadline().at);
  }
  pump();
}

}  // namespace postern::queue
