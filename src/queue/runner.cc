#include "queue/runner.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "queue/runner_parts.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/outage.h"

namespace postern::queue {
namespace asio = boost::asio;
namespace log = telemetry::log;
using relay::Scheduler;
using spool::RouteKind;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr milliseconds when_busy = 1s;
constexpr milliseconds between_looks = 5ms;

relay::Time steady() {
  return std::chrono::duration_cast<relay::Time>(
      std::chrono::steady_clock::now().time_since_epoch());
}

/// The kind is part of the name, because the id of a webhook is not a domain.
std::string lane_name(const spool::Destination& destination) {
  return std::string(1, static_cast<char>('0' + static_cast<int>(destination.kind))) +
         destination.key;
}

relay::MailKind kind_of(const spool::Parcel& parcel) {
  switch (parcel.destination.kind) {
    case RouteKind::webhook:
      return relay::MailKind::webhook;
    case RouteKind::local:
      return relay::MailKind::folder;
    case RouteKind::relay:
      break;
  }
  return parcel.null_path ? relay::MailKind::report : relay::MailKind::relay;
}

milliseconds longest_delay(const relay::RetryPolicy& policy) {
  const milliseconds plain = policy.delays.empty()
                                 ? milliseconds(policy.max)
                                 : *std::max_element(policy.delays.begin(), policy.delays.end());
  return plain + std::chrono::duration_cast<milliseconds>(plain * policy.jitter);
}

}  // namespace

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

DeliveryAgent& Runner::courier_of(const spool::Destination& destination) const {
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
    // A webhook's messages end after a number of attempts, not at an age.
    policy.ttl = std::chrono::hours(24 * 365 * 100);
    policy.delay_notice.reset();
  } else if (null_path) {
    policy.ttl = std::min(policy.ttl, options_.null_path_ttl);
    policy.delay_notice.reset();
  }
  if (reporter_ == nullptr) policy.delay_notice.reset();
  return policy;
}

/// The arrival of a stored message by the wall clock; it cannot be after now.
relay::Time Runner::stored_arrival(const spool::Parcel& parcel) const {
  return std::min(since_epoch(parcel.received), now());
}

Scheduler::Times Runner::times_of(const spool::Parcel& parcel, relay::Time arrival) const {
  const relay::RetryPolicy policy = policy_of(parcel.destination, parcel.null_path);
  // A due time beyond the schedule results from a clock that was ahead.
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

// ---- stored messages enter the scheduler

void Runner::start() {
  spread_.emplace(now());
  spool_.on_gain([this] { wake(); });
  wake();
}

void Runner::stop() {
  stopping_ = true;
  spool_.on_gain(nullptr);
  timer_.cancel();
}

void Runner::wake() {
  if (fresh_.exchange(true)) return;  // load() has not run yet
  asio::post(loop_, [this] {
    if (!loading_ && !stopping_) asio::co_spawn(loop_, load(), asio::detached);
  });
}

Task<void> Runner::load() {
  loading_ = true;
  while (!stopping_) {
    std::optional<milliseconds> pause = when_busy;
    try {
      pause = co_await load_page();
    } catch (const std::exception& thrown) {
      log::error("queue.error").field("error", thrown.what());
    }
    if (!pause) break;
    if (*pause == milliseconds::zero()) continue;
    asio::steady_timer later(loop_, *pause);
    co_await later.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  loading_ = false;
}

/// Returns the time to the next page; nullopt: there is none.
Task<std::optional<milliseconds>> Runner::load_page() {
  fresh_ = false;
  auto page = co_await disk_.run([this] { return spool_.parcels(loaded_, options_.page); });
  if (!page || !*page) {
    if (page) log::store_error(page->error());
    co_return when_busy;
  }
  for (const spool::Parcel& parcel : **page) {
    // A new message arrived just now, even if the wall clock was set meanwhile. It does not wait
    // behind the messages of the start.
    if (!parcel.inherited) end_of_start();
    add(parcel, spread_ ? stored_arrival(parcel) : now(), spread_ ? &*spread_ : nullptr);
  }
  pump();
  if ((*page)->empty()) {
    end_of_start();
    co_return fresh_ ? std::optional(milliseconds::zero()) : std::nullopt;
  }
  // Under load, wait for a larger page: small pages would cost more than their delivery.
  co_return (*page)->size() < options_.page / 4 ? between_looks : milliseconds::zero();
}

void Runner::end_of_start() {
  if (!spread_) return;
  log::info("queue.loaded").field("messages", scheduler_.size());
  spread_.reset();
}

void Runner::add(const spool::Parcel& parcel, relay::Time arrival, relay::StartupSpread* spread) {
  const Number number = number_of(parcel.sequence, parcel.first);
  if (places_.contains(number) || dropped_.contains(parcel.sequence)) return;
  Scheduler::Times times = times_of(parcel, arrival);
  if (spread != nullptr && times.due != relay::never) times.due = spread->place(times.due);
  const std::string lane = lane_name(parcel.destination);
  const Scheduler::Place place =
      scheduler_.add(number, parcel.account, lane, times, now(), kind_of(parcel));
  places_.emplace(number, Waiting{place, arrival});
  limit(parcel.destination);
}

void Runner::limit(const spool::Destination& destination) {
  scheduler_.limit(lane_name(destination), limits_of(destination), now());
}

relay::DestinationLimits Runner::limits_of(const spool::Destination& destination) const {
  if (destination.kind == RouteKind::webhook) return options_.webhook_limits;
  return options_.limits_of ? options_.limits_of(destination) : relay::DestinationLimits{};
}

std::uint32_t Runner::free_connections(const spool::Destination& destination) const {
  return scheduler_.free_connections(lane_name(destination), limits_of(destination));
}

void Runner::guest_came(const spool::Destination& destination) {
  scheduler_.guest_came(lane_name(destination), limits_of(destination), now());
}

void Runner::guest_left(const spool::Destination& destination) {
  scheduler_.guest_left(lane_name(destination), now());
  pump();
}

void Runner::told(spool::Sequence message, bool urgent) {
  asio::post(loop_, [this, message, urgent] {
    if (const auto at = dropped_.find(message); at != dropped_.end() && at->second) {
      dropped_.erase(at);
    }
    if (!stopping_) asio::co_spawn(loop_, reload(message, urgent), asio::detached);
  });
}

Task<void> Runner::reload(spool::Sequence message, bool urgent) {
  try {
    if (co_await read_again(message, urgent)) co_return;
  } catch (const std::exception& thrown) {
    log::error("queue.error").field("error", thrown.what());
  }
  asio::steady_timer later(loop_, when_busy);
  co_await later.async_wait(asio::as_tuple(asio::use_awaitable));
  told(message, urgent);
}

/// Whether the spool could be read.
Task<bool> Runner::read_again(spool::Sequence message, bool urgent) {
  auto found = co_await disk_.run([this, message] { return spool_.parcels_of(message); });
  if (!found || !*found) co_return false;
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
    const bool is_running = std::any_of(running_.begin(), running_.end(), [&](const auto& one) {
      return message_of(one.first) == message && one.second.destination == parcel.destination;
    });
    if (is_running) continue;  // the end of that attempt reloads it
    add(parcel, arrival.value_or(stored_arrival(parcel)), nullptr);
    const auto place = places_.find(number_of(parcel.sequence, parcel.first));
    if (urgent && place != places_.end()) scheduler_.retry(place->second.place);
  }
  pump();
  co_return true;
}

void Runner::forget(Number number) { places_.erase(number); }

// ---- the scheduler's work goes to the couriers

void Runner::pump() {
  if (stopping_) return;
  if (const auto jump = clock_.look(since_epoch(std::chrono::system_clock::now()), steady())) {
    log::warning("queue.clock").field("duration_ms", *jump).msg("the wall clock was set");
  }
  while (const auto work = scheduler_.next(now())) start_work(*work);
  show_slots();
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

void Runner::show_slots() {
  using relay::MailKind;
  constexpr std::array<std::pair<MailKind, std::string_view>, relay::mail_kinds> kinds{
      {{MailKind::relay, "relay"},
       {MailKind::report, "report"},
       {MailKind::webhook, "webhook"},
       {MailKind::folder, "folder"}}};
  for (const auto& [kind, word] : kinds) {
    const std::uint32_t used = scheduler_.running(kind);
    telemetry::Metrics& all = telemetry::metrics();
    all.queue_slots.gauge({word, "used"}).set(used);
    all.queue_slots.gauge({word, "free"}).set(scheduler_.slots(kind) - used);
    all.queue_waiting.gauge({word}).set(scheduler_.waiting(kind));
  }
}

void Runner::start_work(const Scheduler::Work& work) {
  if (work.what == Scheduler::Work::What::deadline) {
    if (running_.contains(work.message)) {  // the end of the attempt comes first
      scheduler_.set_deadline(work.place, now() + after_trouble);
    } else {
      asio::co_spawn(loop_, deadline(work.message), asio::detached);
    }
    return;
  }
  running_.emplace(work.message, Running{.place = work.place, .destination = {}});
  asio::co_spawn(loop_, attempt(work), asio::detached);
}

}  // namespace postern::queue
