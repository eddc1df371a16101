#include "queue/runner.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "queue/attempt_log.h"
#include "queue/stored.h"
#include "telemetry/log.h"

namespace postern::queue {
namespace asio = boost::asio;
namespace log = telemetry::log;
using relay::Contact;
using relay::Scheduler;
using spool::RouteKind;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr unsigned index_bits = 16;
constexpr milliseconds after_trouble = 60s;  ///< of our own: the disk, a bug
constexpr milliseconds when_busy = 1s;
constexpr milliseconds between_looks = 5ms;

std::uint64_t number_of(spool::Sequence message, std::uint32_t first) {
  return static_cast<std::uint64_t>(message) << index_bits | (first & 0xffff);
}
spool::Sequence message_of(std::uint64_t number) {
  return static_cast<spool::Sequence>(number >> index_bits);
}

relay::Time since_epoch(spool::Time time) {
  return std::chrono::duration_cast<relay::Time>(time.time_since_epoch());
}
relay::Time steady() {
  return std::chrono::duration_cast<relay::Time>(
      std::chrono::steady_clock::now().time_since_epoch());
}

/// Kinds are part of the name: a webhook's id is no domain.
std::string lane_name(const spool::Destination& destination) {
  return std::string(1, static_cast<char>('0' + static_cast<int>(destination.kind))) +
         destination.key;
}

milliseconds longest_delay(const relay::RetryPolicy& policy) {
  const milliseconds plain = policy.delays.empty()
                                 ? milliseconds(policy.max)
                                 : *std::max_element(policy.delays.begin(), policy.delays.end());
  return plain + std::chrono::duration_cast<milliseconds>(plain * policy.jitter);
}

smtp::RecipientResult own_result(smtp::ResultClass klass, smtp::EnhancedCode code,
                                 std::string text) {
  return {.klass = klass, .code = 0, .enhanced = code, .text = std::move(text)};
}

}  // namespace

/// A parcel as it is now, for an attempt.
struct Runner::Fetched {
  enum class State : std::uint8_t { there, gone, damaged, trouble };
  State state = State::gone;
  spool::Message message;
  spool::Destination destination;
  relay::Time arrival{0};
  std::vector<std::uint32_t> recipients;  ///< queued ones
  std::optional<Text> text;
  Error error;
};

/// When a parcel is tried next: nullopt, it is given up.
struct Runner::Next {
  std::optional<Scheduler::Times> times;
  spool::Time stored;  ///< for the spool
};

struct Runner::Ended {
  Contact contact = Contact::answered;
  std::optional<Scheduler::Times> times;
};

Runner::Runner(asio::io_context& loop, spool::Spool& spool, net::WorkPool& disk, Couriers couriers,
               Reporter* reporter, RunnerOptions options)
    : loop_(loop),
      spool_(spool),
      disk_(disk),
      couriers_(couriers),
      reporter_(reporter),
      options_(std::move(options)),
      clock_(since_epoch(std::chrono::system_clock::now()), steady()),
      scheduler_(options_.limits),
      timer_(loop) {}

Runner::~Runner() = default;

relay::Time Runner::now() const { return clock_.now(steady()); }

spool::Time Runner::wall(relay::Time queue) const {
  return spool::Time(queue == relay::never ? relay::Time(std::chrono::hours(24 * 365 * 200))
                                           : clock_.wall(queue));
}

Courier& Runner::courier_of(const spool::Destination& destination) const {
  switch (destination.kind) {
    case RouteKind::webhook:
      return couriers_.webhook;
    case RouteKind::relay:
      return couriers_.relay;
    case RouteKind::local:
      break;
  }
  return couriers_.local;
}

relay::RetryPolicy Runner::policy_of(const spool::Destination& destination, bool null_path) const {
  relay::RetryPolicy policy =
      destination.kind == RouteKind::webhook ? options_.webhook : options_.relay;
  if (destination.kind == RouteKind::webhook) {
    // Its end is the number of its attempts, not its age.
    policy.ttl = std::chrono::hours(24 * 365 * 100);
    policy.delay_notice.reset();
  } else if (null_path) {
    policy.ttl = std::min(policy.ttl, options_.null_path_ttl);
    policy.delay_notice.reset();
  }
  if (reporter_ == nullptr) policy.delay_notice.reset();
  return policy;
}

/// Of a message from before: as the wall clock was then. It cannot have come later than now.
relay::Time Runner::stored_arrival(const spool::Parcel& parcel) const {
  return std::min(since_epoch(parcel.received), now());
}

Scheduler::Times Runner::times_of(const spool::Parcel& parcel, relay::Time arrival) const {
  const relay::RetryPolicy policy = policy_of(parcel.destination, parcel.null_path);
  // Later than the schedule allows is what a clock that was ahead has left.
  const relay::Time due = std::min(since_epoch(parcel.due),
                                   parcel.attempts == 0 ? now() : now() + longest_delay(policy));
  relay::Retry retry(policy, {.arrival = arrival,
                              .due = due,
                              .attempts = parcel.attempts,
                              .held = parcel.held,
                              .noticed = parcel.noticed});
  if (spread_) retry.resume(policy, now(), 0);
  return {retry.due(), retry.deadline().at};
}

Runner::Next Runner::next_of(const Fetched& fetched, std::uint32_t attempts, relay::Time at,
                             bool extra) {
  const spool::Recipient& first = fetched.message.envelope.recipients[fetched.recipients.front()];
  const relay::RetryPolicy policy =
      policy_of(fetched.destination, fetched.message.envelope.reverse_path.empty());
  if (!extra && !policy.delays.empty() && attempts > policy.delays.size()) return {};
  relay::Retry retry(policy, {.arrival = fetched.arrival,
                              .due = at,
                              .attempts = attempts - 1,
                              .held = first.held,
                              .noticed = first.noticed});
  retry.begin(at, extra ? relay::AttemptKind::extra : relay::AttemptKind::regular);
  retry.failed(policy, at, std::uniform_real_distribution<double>(-1, 1)(random_));
  const Scheduler::Times times{retry.due(), retry.deadline().at};
  return {times, wall(std::min(times.due, times.deadline))};
}

std::optional<spool::Time> Runner::sleeps_until(const spool::Destination& destination) const {
  const auto until = scheduler_.sleeps_until(lane_name(destination));
  return until ? std::optional(wall(*until)) : std::nullopt;
}

// ---- what is stored comes before the scheduler

void Runner::start() {
  spread_.emplace(now());
  wake();
}

void Runner::stop() {
  stopping_ = true;
  timer_.cancel();
}

void Runner::wake() {
  if (fresh_.exchange(true)) return;  // the loop has not looked yet
  asio::post(loop_, [this] {
    if (!loading_ && !stopping_) asio::co_spawn(loop_, load(), asio::detached);
  });
}

Task<void> Runner::load() {
  loading_ = true;
  while (!stopping_) {
    fresh_ = false;
    auto page = co_await disk_.run(
        [this, after = loaded_] { return spool_.parcels(after, options_.page); });
    if (!page || !*page) {
      if (page) log::error("store.error").field("error", page->error().message);
      asio::steady_timer later(loop_, when_busy);
      co_await later.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    for (const spool::Parcel& parcel : **page) {
      // What is new came just now, even when the wall clock was set to another year meanwhile.
      add(parcel, spread_ ? stored_arrival(parcel) : now(), spread_ ? &*spread_ : nullptr);
    }
    pump();
    if ((*page)->empty()) {
      if (spread_) log::info("queue.loaded").field("messages", scheduler_.size());
      spread_.reset();
      if (!fresh_) break;
    } else {
      loaded_ = (*page)->back().sequence;
      // Under load a look brings many: a few at a time would cost more than their delivery.
      if ((*page)->size() < options_.page / 4) {
        asio::steady_timer pause(loop_, between_looks);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      }
    }
  }
  loading_ = false;
}

void Runner::add(const spool::Parcel& parcel, relay::Time arrival, relay::StartupSpread* spread) {
  const Number number = number_of(parcel.sequence, parcel.first);
  if (places_.contains(number)) return;
  Scheduler::Times times = times_of(parcel, arrival);
  if (spread != nullptr && times.due != relay::never) times.due = spread->place(times.due);
  const std::string lane = lane_name(parcel.destination);
  places_.emplace(number,
                  Waiting{scheduler_.add(number, parcel.account, lane, times, now()), arrival});
  limit(parcel.destination);
}

void Runner::limit(const spool::Destination& destination) {
  if (destination.kind == RouteKind::webhook) {
    scheduler_.limit(lane_name(destination), options_.webhook_limits, now());
  } else if (options_.limits_of) {
    scheduler_.limit(lane_name(destination), options_.limits_of(destination), now());
  }
}

void Runner::told(spool::Sequence message, bool urgent) {
  asio::post(loop_, [this, message, urgent] {
    if (!stopping_) asio::co_spawn(loop_, reload(message, urgent), asio::detached);
  });
}

Task<void> Runner::reload(spool::Sequence message, bool urgent) {
  if (message > loaded_) {  // load() sees it as it is now; what was not due did not wake it
    wake();
    co_return;
  }
  auto found = co_await disk_.run([this, message] { return spool_.parcels(message - 1, 1); });
  if (!found || !*found) {
    asio::steady_timer later(loop_, when_busy);
    co_await later.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return told(message, urgent);
  }
  std::optional<relay::Time> arrival;
  for (auto at = places_.lower_bound(number_of(message, 0));
       at != places_.end() && message_of(at->first) == message;) {
    arrival = at->second.arrival;
    if (const auto running = running_.find(at->first); running != running_.end()) {
      running->second.changed = true;
      running->second.urgent = urgent;
      ++at;
    } else {
      scheduler_.remove(at->second.place, now());
      at = places_.erase(at);
    }
  }
  for (const spool::Parcel& parcel : **found) {
    if (parcel.sequence != message) break;
    const bool is_running = std::any_of(running_.begin(), running_.end(), [&](const auto& one) {
      return message_of(one.first) == message && one.second.destination == parcel.destination;
    });
    if (is_running) continue;  // its end reads it again
    add(parcel, arrival.value_or(stored_arrival(parcel)), nullptr);
    if (urgent) scheduler_.retry(places_.at(number_of(parcel.sequence, parcel.first)).place);
  }
  pump();
}

void Runner::forget(Number number) { places_.erase(number); }

// ---- the scheduler's word goes to the couriers

void Runner::pump() {
  if (stopping_) return;
  if (const auto jump = clock_.look(since_epoch(std::chrono::system_clock::now()), steady())) {
    log::warning("queue.clock").field("duration_ms", *jump).msg("the wall clock was set");
  }
  while (const auto work = scheduler_.next(now())) start_work(*work);
  const relay::Time wake = scheduler_.wake_at();
  if (wake == relay::never) {
    timer_.cancel();
    return;
  }
  const relay::Time from_now = std::clamp<relay::Time>(wake - now(), 0ms, 10min);
  timer_.expires_after(from_now);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) pump();
  });
}

void Runner::start_work(const Scheduler::Work& work) {
  if (work.what == Scheduler::Work::What::deadline) {
    if (running_.contains(work.message)) {  // its end comes first
      scheduler_.set_deadline(work.place, now() + after_trouble);
    } else {
      asio::co_spawn(loop_, deadline(work.message), asio::detached);
    }
    return;
  }
  running_.emplace(work.message, Running{.place = work.place, .destination = {}});
  asio::co_spawn(loop_, attempt(work.message, work.what == Scheduler::Work::What::extra_attempt),
                 asio::detached);
}

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
      const bool damaged = body.error().fault == Fault::permanent;
      out.state = damaged ? Fetched::State::damaged : Fetched::State::trouble;
      out.error = body.error();
      return out;
    }
    out.text.emplace(spool_, out.message.id, std::move(*body));
    out.state = Fetched::State::there;
    return out;
  });
  if (!fetched) co_return Fetched{.state = Fetched::State::trouble, .error = fetched.error()};
  const auto place = places_.find(number);
  fetched->arrival = place != places_.end() ? place->second.arrival : now();
  co_return std::move(*fetched);
}

Task<void> Runner::attempt(Number number, bool extra) {
  Ended ended;
  try {
    ended = co_await try_once(number, extra);
  } catch (const std::exception& thrown) {
    log::error("queue.error").field("error", thrown.what());
    ended.times = Scheduler::Times{now() + after_trouble, relay::never};
  }
  const Running running = running_.extract(number).mapped();
  // What somebody else changed meanwhile is read from the spool, whatever became of the attempt.
  if (running.changed) ended.times.reset();
  scheduler_.finished(running.place, ended.contact, ended.times, now());
  if (!ended.times) forget(number);
  if (running.changed) co_await reload(message_of(number), running.urgent);
  pump();
}

Task<Runner::Ended> Runner::try_once(Number number, bool extra) {
  const Ended in_trouble{.times = Scheduler::Times{now() + after_trouble, relay::never}};
  Fetched fetched = co_await fetch(number);
  if (fetched.state == Fetched::State::gone) co_return Ended{};
  if (fetched.state == Fetched::State::damaged) {
    co_await quarantine(fetched.message.id, fetched.error);
    co_return Ended{};
  }
  if (fetched.state == Fetched::State::trouble) {
    log::error("store.error").field("error", fetched.error.message);
    co_return in_trouble;
  }
  running_.at(number).destination = fetched.destination;
  limit(fetched.destination);  // routes may have changed since it was put before the scheduler
  const std::uint32_t attempts =
      fetched.message.envelope.recipients[fetched.recipients.front()].attempts + 1;
  const Next next = next_of(fetched, attempts, now(), extra);

  // Written down before anything is said to anybody (Q8): an attempt that a crash cuts off counts.
  std::vector<spool::RecipientKey> keys;
  for (const std::uint32_t index : fetched.recipients) keys.push_back({fetched.message.id, index});
  const auto claims = co_await stored<std::vector<spool::Claim>>([&](auto done) {
    spool_.claim(keys, spool::Time::max(), next.times ? next.stored : wall(now() + after_trouble),
                 std::move(done));
  });
  if (!claims) {
    log::error("store.error").field("error", claims.error().message);
    co_return in_trouble;
  }
  fetched.recipients.clear();
  for (const spool::Claim& claim : *claims) fetched.recipients.push_back(claim.key.index);
  if (fetched.recipients.empty()) co_return Ended{};

  const Errand errand{.message = fetched.message,
                      .destination = fetched.destination,
                      .recipients = fetched.recipients,
                      .attempt = claims->front().attempt,
                      .started = std::chrono::system_clock::now(),
                      .next_attempt = next.times ? std::optional(next.stored) : std::nullopt};
  const auto begun = std::chrono::steady_clock::now();
  const Carried carried = co_await carry(errand, *fetched.text);
  if (const auto& trouble = fetched.text->trouble();
      trouble && trouble->fault == Fault::permanent) {
    co_await quarantine(fetched.message.id, *trouble);
    co_return Ended{.contact = carried.contact};
  }

  // Delays run from the end of the attempt.
  Next again = next_of(fetched, attempts, now(), extra);
  if (again.times && carried.retry_after) {
    const relay::Time not_before = now() + *carried.retry_after;
    again.times->due = std::max(again.times->due, not_before);
    again.stored = std::max(again.stored, wall(not_before));
  }
  std::vector<spool::Settlement> settlements;
  for (std::size_t i = 0; i < fetched.recipients.size(); ++i) {
    settlements.push_back(settlement_of(errand, i, (*claims)[i], carried, again, extra));
  }
  if (!co_await report_failures(errand, carried, settlements, *fetched.text)) {
    // The sender cannot be told now, so the message has not failed yet.
    if (!again.times) again = {in_trouble.times, wall(in_trouble.times->due)};
    for (spool::Settlement& settlement : settlements) {
      if (settlement.outcome != spool::Outcome::failed) continue;
      settlement.outcome = spool::Outcome::retry;
      settlement.next_attempt = again.stored;
    }
  }
  note_attempt(errand, carried, settlements, std::chrono::steady_clock::now() - begun);
  const bool stays = std::any_of(settlements.begin(), settlements.end(), [](const auto& one) {
    return one.outcome == spool::Outcome::retry;
  });
  co_await settle(std::move(settlements), fetched.message.id);
  co_return Ended{.contact = carried.contact,
                  .times = stays ? again.times : std::optional<Scheduler::Times>()};
}

/// The courier's word, one for each recipient, whatever happens to it.
Task<Carried> Runner::carry(const Errand& errand, Text& text) {
  Carried carried;
  try {
    carried = co_await courier_of(errand.destination).carry(errand, text);
  } catch (const std::exception& thrown) {
    carried = {};
    carried.results.assign(errand.recipients.size(),
                           own_result(smtp::ResultClass::temporary, {4, 3, 0}, thrown.what()));
  }
  carried.results.resize(errand.recipients.size());
  carried.remotes.resize(errand.recipients.size());
  co_return carried;
}

spool::Settlement Runner::settlement_of(const Errand& errand, std::size_t index,
                                        const spool::Claim& claim, const Carried& carried,
                                        const Next& again, bool extra) {
  const smtp::RecipientResult& result = carried.results[index];
  spool::Settlement settlement{
      .key = claim.key, .attempt = claim.attempt, .reply = text_of(result)};
  if (result.klass == smtp::ResultClass::delivered) {
    settlement.outcome = spool::Outcome::delivered;
  } else if (result.klass == smtp::ResultClass::permanent || !again.times) {
    settlement.outcome = errand.destination.kind == RouteKind::webhook ? spool::Outcome::dead
                                                                       : spool::Outcome::failed;
  } else {
    settlement.outcome = spool::Outcome::retry;
    settlement.next_attempt = again.stored;
    settlement.extra = extra;
  }
  return settlement;
}

/// False when a report is due and cannot be stored.
Task<bool> Runner::report_failures(const Errand& errand, const Carried& carried,
                                   const std::vector<spool::Settlement>& settlements, Text& text) {
  std::vector<std::uint32_t> recipients;
  Carried failed{.results = {}, .contact = carried.contact, .remotes = {}};
  for (std::size_t i = 0; i < settlements.size(); ++i) {
    if (settlements[i].outcome != spool::Outcome::failed) continue;
    recipients.push_back(errand.recipients[i]);
    failed.results.push_back(carried.results[i]);
    failed.remotes.push_back(carried.remotes[i]);
  }
  if (recipients.empty()) co_return true;
  const Errand about{.message = errand.message,
                     .destination = errand.destination,
                     .recipients = recipients,
                     .attempt = errand.attempt,
                     .started = errand.started,
                     .next_attempt = {}};
  const Result<void> told = co_await report(Reporter::Event::failed, about, failed, text);
  co_return told || told.error().fault == Fault::denied;
}

/// A message whose stored octets are not those that were stored.
Task<void> Runner::quarantine(spool::MessageId id, Error damage) {
  log::error("queue.damaged").field("message_id", id).field("error", damage.message);
  const Result<void> marked = co_await stored<void>(
      [&](auto done) { spool_.quarantine(id, damage.message, std::move(done)); });
  if (!marked) log::error("store.error").field("error", marked.error().message);
}

/// What cannot be written down leaves the scheduler all the same: who delivered once does not
/// deliver again before the next start has looked at what is really stored.
Task<void> Runner::settle(std::vector<spool::Settlement> settlements, std::string_view what) {
  const Result<void> settled = co_await stored<void>(
      [&](auto done) { spool_.settle(std::move(settlements), std::move(done)); });
  if (settled) co_return;
  log::error("store.error").field("message_id", what).field("error", settled.error().message);
}

/// The report is stored before the failure is: a crash between the two may tell the sender twice,
/// never not at all.
Task<Result<void>> Runner::report(Reporter::Event event, const Errand& errand,
                                  const Carried& carried, Text& text) {
  if (reporter_ == nullptr) co_return fail(Fault::denied, "no reports are sent");
  std::optional<Reporter::Report> made = reporter_->report(event, errand, carried, text);
  if (!made) co_return fail(Fault::denied, "a report is not due");
  const auto kept = co_await stored<spool::MessageId>([&](auto done) {
    spool_.put(std::move(made->envelope), std::move(made->body), std::move(done));
  });
  if (!kept) {
    log::error("store.error").field("error", kept.error().message);
    co_return tl::unexpected(kept.error());
  }
  log::info("report.queued").field("message_id", *kept).field("original", errand.message.id);
  wake();
  co_return Result<void>();
}

Task<Result<void>> Runner::report_dropped(const spool::Message& message) {
  auto body = co_await disk_.run([this, id = message.id] { return spool_.body(id); });
  if (!body) co_return tl::unexpected(body.error());
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
  if (recipients.empty()) co_return fail(Fault::denied, "nobody waits for a report");
  carried.remotes.resize(recipients.size());
  const Errand errand{.message = message,
                      .destination = message.envelope.recipients[recipients.front()].destination,
                      .recipients = recipients,
                      .started = std::chrono::system_clock::now(),
                      .next_attempt = {}};
  Result<void> told = co_await report(Reporter::Event::failed, errand, carried, text);
  co_return told;
}

Task<void> Runner::deadline(Number number) {
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
    co_return pump();  // gone or damaged: its attempt will see
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
  const bool expires = due.what == relay::Deadline::What::expiry;
  Carried carried;
  std::vector<spool::Settlement> settlements;
  std::vector<spool::RecipientKey> keys;
  for (const std::uint32_t index : fetched.recipients) {
    const spool::Recipient& recipient = fetched.message.envelope.recipients[index];
    carried.results.push_back(own_result(
        expires ? smtp::ResultClass::permanent : smtp::ResultClass::temporary,
        expires ? relay::expired_status : smtp::EnhancedCode{4, 4, 1},
        recipient.last_reply.empty() ? "no host took the message in time" : recipient.last_reply));
    keys.push_back({fetched.message.id, index});
    settlements.push_back({.key = keys.back(),
                           .attempt = 0,
                           .outcome = spool::Outcome::failed,
                           .reply = "expired: " + recipient.last_reply});
  }
  carried.remotes.resize(carried.results.size());
  const Errand errand{.message = fetched.message,
                      .destination = fetched.destination,
                      .recipients = fetched.recipients,
                      .attempt = first.attempts,
                      .started = std::chrono::system_clock::now(),
                      .next_attempt = expires ? std::nullopt : std::optional(first.next_attempt)};
  const Result<void> told = co_await report(
      expires ? Reporter::Event::failed : Reporter::Event::delayed, errand, carried, *fetched.text);
  if (!told && told.error().fault != Fault::denied) {  // it cannot be stored: later
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
  if (!noted) log::error("store.error").field("error", noted.error().message);
  retry.noticed();
  if (const auto still = places_.find(number); still != places_.end()) {
    scheduler_.set_deadline(still->second.place, retry.deadline().at);
  }
  pump();
}

}  // namespace postern::queue
