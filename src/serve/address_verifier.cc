#include "serve/address_verifier.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/subscriber.h"
#include "config/verification_options.h"
#include "relay/address_probe.h"
#include "relay/destination.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace asio = boost::asio;
using relay::Verified;

namespace {

constexpr const char* in_progress = "deferred Address verification in progress";
constexpr const char* too_many = "deferred too many addresses are verified now";

/// A probe ends after this time; hosts may take minutes for a reply (RFC 5321 §4.5.3.2).
constexpr std::chrono::minutes probe_limit{5};
/// How often a session that waits looks whether its client has left.
constexpr std::chrono::milliseconds look_for_leaving{250};

}  // namespace

AddressVerifier::AddressVerifier(asio::io_context& loop, std::string database,
                                 std::shared_ptr<const relay::RelayConfig> config,
                                 dns::Resolver& resolver, relay::VerifiedLimits limits)
    : loop_(loop),
      database_(std::move(database)),
      limits_(limits),
      resolver_(resolver),
      known_(limits) {
  config_.store(std::move(config));
}

AddressVerifier::~AddressVerifier() = default;

void AddressVerifier::use(std::shared_ptr<const Settings> settings, bool enforced) {
  settings_.store(settings);
  enforced_ = enforced;
  if (!settings) return;
  {
    const std::lock_guard lock(mutex_);
    known_.use(verified_times(*settings));
  }
  if (settings->keeps && !std::exchange(opened_, true)) open_store();
}

void AddressVerifier::open_store() {
  auto opened = store::VerifiedStore::open(database_, limits_.results);
  Result<std::vector<store::VerifiedRow>> rows;
  if (opened) rows = (*opened)->all();
  if (!opened || !rows) {
    telemetry::log::error("store.error")
        .field("path", database_)
        .field("error", opened ? rows.error().message : opened.error().message)
        .msg("results of address verification are kept in memory only");
    return;
  }
  const auto now = std::chrono::system_clock::now();
  const std::lock_guard lock(mutex_);  // from here on: sessions do not wait for the disk
  for (store::VerifiedRow& row : *rows) {
    if (row.kind < 0 || row.kind > static_cast<int>(Verified::Kind::deferred)) continue;
    known_.restore(
        row.address,
        {{static_cast<Verified::Kind>(row.kind), std::move(row.why)}, std::min(row.found, now)},
        now);
  }
  store_ = std::move(*opened);
}

void AddressVerifier::follow(std::shared_ptr<const relay::RelayConfig> config) {
  config_.store(std::move(config));
}

void AddressVerifier::stop() { stopping_ = true; }

void AddressVerifier::flush() {
  const std::lock_guard lock(mutex_);
  if (store_) store_->flush();
}

std::optional<AddressVerifier::Entry> AddressVerifier::known(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = known_.find(address);
  return entry != nullptr ? std::optional(*entry) : std::nullopt;
}

AddressVerifier::Counts AddressVerifier::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  counts.results = known_.size();
  counts.open = known_.open();
  return counts;
}

bool AddressVerifier::is_probe_sender(const mail::Mailbox& address) const {
  if (!enforced_) return false;  // the loads below take a lock
  const auto settings = settings_.load();
  return settings && settings->is_probe_sender(address, std::chrono::system_clock::now());
}

bool AddressVerifier::is_discarded(const mail::Mailbox& address, bool said) const {
  if (!said && !is_probe_sender(address)) return false;
  const auto settings = settings_.load();
  if (settings && settings->has_no_mailbox()) return true;
  const auto config = config_.load();
  const relay::Route& route =
      relay::route_of(*config, address.local_part, address.domain, relay::any_sender);
  // A domain without a route of its own is not this server's: nothing is relayed there.
  return route.is_default();
}

/// The answer that is known now; starts a probe if one is due. Call it with the mutex held.
std::optional<std::string> AddressVerifier::look_up(const Question& question,
                                                    const std::string& address) {
  const auto now = std::chrono::system_clock::now();
  const auto config = config_.load();
  const relay::Route& route = relay::route_of(*config, question.address.local_part,
                                              question.address.domain, relay::any_sender);
  const bool is_foreign = route.is_default();
  const auto found = known_.look_up(address, subscriber_key(question.client),
                                    question.address.domain, is_foreign, now);
  std::optional<std::string> answer;
  if (found.verified != nullptr) answer = verification_text(*found.verified);
  if (found.limited) {
    ++counts_.limited;
    answer = too_many;
  }
  if (found.ask && stopping_) {
    known_.give_up(address);
    if (!answer) answer = in_progress;
  } else if (found.ask) {
    asked_.push_back({address,
                      relay::destination_of(*config, question.address.local_part,
                                            question.address.domain, relay::any_sender),
                      is_foreign});
    asio::post(loop_, [this] { pump(); });
  }
  return answer;
}

Task<std::string> AddressVerifier::verify(Question question, std::function<bool()> left) {
  const auto settings = settings_.load();
  const auto config = config_.load();
  if (!settings) co_return in_progress;
  // An address literal of this host stands for its name, as in delivery (RFC 5321 §4.1.3).
  question.address = relay::qualified(question.address, *config, config->routing.hostname);
  const mail::Mailbox& asked = question.address;
  if (const auto known = verified_at_once(*settings, *config, asked, question.ours,
                                          std::chrono::system_clock::now())) {
    co_return verification_text(*known);
  }
  const std::string address = asked.text();
  const auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter>(executor);
  const std::chrono::milliseconds longest = settings->poll_delay * (settings->poll_count - 1);
  {
    const std::lock_guard lock(mutex_);
    if (auto answer = look_up(question, address)) co_return std::move(*answer);
    if (longest.count() == 0) co_return in_progress;
    waiters_[address].add(waiter);
  }
  const auto until = std::chrono::steady_clock::now() + longest;
  while (!waiter->answer && !left()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) break;
    waiter->timer.expires_at(std::min(until, now + look_for_leaving));
    co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (waiter->answer) co_return std::move(*waiter->answer);
  co_return in_progress;
}

void AddressVerifier::pump() {
  {
    const std::lock_guard lock(mutex_);
    for (Job& job : std::exchange(asked_, {})) queue_.add(std::move(job));
  }
  const auto config = config_.load();
  const auto most = [&](const Job& job) {
    constexpr std::size_t most_probes = ProbeQueue::most_to_destination;
    if (connections_.free) {
      const std::size_t running = queue_.running_to(job.destination);
      return std::min(running + connections_.free(job.destination), most_probes);
    }
    const auto limit = relay::limits_of(*config, job.destination).max_connections;
    return std::min<std::size_t>(limit.value_or(most_probes), most_probes);
  };
  while (auto job = queue_.next(most)) {
    if (connections_.begins) connections_.begins(job->destination);
    asio::co_spawn(loop_, run(std::move(*job)), asio::detached);
  }
}

Task<void> AddressVerifier::run(Job job) {
  std::optional<Verified> verified;  // nullopt: nobody was asked
  try {
    const auto settings = settings_.load();
    if (settings && !stopping_) {
      const std::shared_ptr<relay::Courier> courier = this->courier();
      verified = co_await relay::probe_address(
          *courier, settings->probe_sender(std::chrono::system_clock::now()), job.address,
          std::chrono::steady_clock::now() + probe_limit);
    }
  } catch (const std::exception& thrown) {
    telemetry::log::error("queue.error").field("error", thrown.what());
  }
  if (verified) {
    settle(job, std::move(*verified));
  } else {
    const std::lock_guard lock(mutex_);
    known_.give_up(job.address);
    waiters_.erase(job.address);
  }
  ended(job);
}

std::shared_ptr<relay::Courier> AddressVerifier::courier() {
  if (const auto config = config_.load(); config != used_) {
    courier_ = std::make_shared<relay::Courier>(
        config, resolver_,
        relay::CourierOptions{.longest_wait = config->longest_wait, .idle_connections = 0});
    used_ = config;
  }
  return courier_;
}

void AddressVerifier::settle(const Job& job, Verified verified) {
  const auto settings = settings_.load();
  telemetry::log::info("address.verified")
      .field("rcpt_to", job.address)
      .field("status", to_string(verified.kind))
      .field("reply", verified.why);
  const std::string answer = verification_text(verified);
  std::vector<std::weak_ptr<Waiter>> waiting;
  {
    const std::lock_guard lock(mutex_);
    ++counts_.probes[static_cast<std::size_t>(verified.kind)];
    const bool failed = verified.kind != Verified::Kind::deliverable;
    const auto* entry =
        known_.settle(job.address, std::move(verified), std::chrono::system_clock::now());
    if (entry != nullptr && store_ && settings && settings->keeps) {
      store_->keep({job.address, static_cast<std::int64_t>(entry->verified.kind),
                    entry->verified.why, entry->found});
    }
    // Without a negative cache, sessions hear only of addresses that exist.
    const bool untold = failed && settings && !settings->negative_cache;
    if (const auto found = waiters_.find(job.address); found != waiters_.end()) {
      if (!untold) waiting = std::move(found->second).take();
      waiters_.erase(found);
    }
  }
  for (const std::weak_ptr<Waiter>& one : waiting) {
    const auto waiter = one.lock();
    if (!waiter) continue;
    asio::post(waiter->timer.get_executor(), [one, answer] {
      const auto still = one.lock();
      if (!still) return;
      still->answer = answer;
      still->timer.cancel();
    });
  }
}

void AddressVerifier::freed(const std::string& destination) {
  if (queue_.freed(destination)) pump();
}

void AddressVerifier::ended(const Job& job) {
  queue_.ended(job);
  if (connections_.ended) connections_.ended(job.destination);
  // Not a call: a probe that ends at once would make the stack deeper by each one that waits.
  asio::post(loop_, [this] { pump(); });
}

}  // namespace postern::app
