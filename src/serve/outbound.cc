#include "serve/outbound.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/thread.h"
#include "config/descriptors.h"
#include "config/relay_options.h"
#include "relay/destination.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::app {
namespace {

constexpr std::size_t disk_threads = 2;
/// Besides one job for each delivery that may run, so that none is rejected.
constexpr std::size_t delivery_disk_queue = 1024;
constexpr std::size_t folder_threads = 4;
constexpr std::chrono::milliseconds look_at_drain{20};
constexpr std::chrono::seconds longest_question{10};

}  // namespace

queue::RunnerOptions runner_options(const Config& config) {
  queue::RunnerOptions options;
  const QueueConfig& queue = config.queue;
  const auto whole = [](Milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time);
  };
  options.limits.workers = static_cast<std::uint32_t>(queue.concurrency);
  options.limits.report_workers = static_cast<std::uint32_t>(queue.report_concurrency);
  options.limits.webhook_workers = static_cast<std::uint32_t>(queue.webhook_concurrency);
  options.limits.folder_workers = static_cast<std::uint32_t>(queue.folder_concurrency);
  options.longest_attempt = queue.longest_attempt;
  options.longest_crowded_attempt = queue.longest_crowded_attempt;
  options.relay.initial = whole(queue.first_retry);
  options.relay.max = whole(queue.longest_retry);
  options.relay.ttl = whole(queue.expire);
  options.null_path_ttl = whole(std::min(queue.expire, queue.expire_null_path));
  options.relay.delay_notice.reset();
  if (queue.delay_notice.count() != 0) options.relay.delay_notice = whole(queue.delay_notice);
  options.webhook.delays = config.webhooks.retry_schedule;
  options.webhook_limits.max_connections = static_cast<std::uint32_t>(config.webhooks.concurrency);
  return options;
}

Outbound::Outbound(const Config& config, const std::string& data_dir, Rooms rooms)
    : rooms_(rooms),
      disk_(disk_threads, delivery_disk_queue + delivery_slots(config.queue), "queue-disk"),
      postmaster_(postmaster_folder(config), config.relay.postmaster_max_size),
      folder_disk_(folder_threads, delivery_slots(config.queue), "queue-folder") {
  const std::string temporary = data_dir + "/tmp";
  queued_ = std::make_unique<deliver::QueuedWebhooks>(
      rooms.webhooks, rooms.directory, temporary, [this](const policy::Webhook& webhook) {
        telemetry::log::warning("webhook.gone").field("webhook", webhook.id);
        boost::asio::co_spawn(
            loop_,
            [](Outbound* self, std::string account, std::string id) -> Task<void> {
              const auto done = co_await self->disk_.run([self, account, id] {
                return self->rooms_.publisher.switch_off_webhook(account, id, "HTTP status 410");
              });
              if (!done || !*done) {
                telemetry::log::error("store.error").field("webhook", id);
              }
            }(this, webhook.account_id, webhook.id),
            boost::asio::detached);
      });
  const auto destination = [this](const mail::Mailbox& address) -> spool::Destination {
    const auto config = config_.load();
    const auto found =
        AcceptedMail::destination_of({.address = address, .route = {}}, address, {}, *config);
    if (found) return *found;
    return {spool::RouteKind::relay,
            relay::destination_of(*config, address.local_part, address.domain, {})};
  };
  reports_ = std::make_unique<SenderReports>(
      config.server.hostname, temporary, destination,
      std::chrono::duration_cast<std::chrono::seconds>(config.queue.expire), rooms.keys);
}

std::unique_ptr<Outbound> Outbound::make(const Config& config, const std::string& data_dir,
                                         std::shared_ptr<const relay::RelayConfig> relay,
                                         Rooms rooms) {
  std::unique_ptr<Outbound> outbound(new Outbound(config, data_dir, rooms));
  outbound->config_.store(relay);
  outbound->relay_ = std::make_unique<RelayAgent>(relay, rooms.resolver);
  outbound->addresses_ = std::make_unique<AddressVerifier>(outbound->loop_, data_dir + "/verify.db",
                                                           relay, rooms.resolver);
  outbound->folders_ = std::make_unique<FolderAgent>(rooms.spool, outbound->folder_disk_,
                                                     config.server.hostname, data_dir);
  Outbound& self = *outbound;
  queue::RunnerOptions options = runner_options(config);
  const std::uint64_t most = divide_descriptors(config, descriptor_limit()).deliveries;
  if (delivery_slots(config.queue) > most) {
    options.limits = relay::fitted(options.limits, most);
    telemetry::log::warning("queue.slots")
        .field("count", most)
        .msg(fmt::format("{} deliveries at once need more open files than there are; raise "
                         "LimitNOFILE in the unit, or lower queue.concurrency and its like",
                         delivery_slots(config.queue)));
  }
  options.limits_of = [courier = outbound->relay_.get()](const spool::Destination& destination) {
    return destination.kind == spool::RouteKind::relay ? courier->limits_of(destination)
                                                       : relay::DestinationLimits{};
  };
  options.freed = [addresses = outbound->addresses_.get()](const spool::Destination& destination) {
    if (destination.kind == spool::RouteKind::relay) addresses->freed(destination.key);
  };
  outbound->runner_ = std::make_unique<queue::Runner>(
      outbound->loop_, rooms.spool, outbound->disk_,
      queue::Runner::Couriers{*self.queued_, *self.relay_, *self.folders_},
      outbound->reports_.get(), std::move(options));
  const auto to = [](const std::string& name) {
    return spool::Destination{spool::RouteKind::relay, name};
  };
  outbound->addresses_->share(
      {.free = [runner = outbound->runner_.get(),
                to](const std::string& name) { return runner->free_connections(to(name)); },
       .begins = [runner = outbound->runner_.get(),
                  to](const std::string& name) { runner->guest_came(to(name)); },
       .ended = [runner = outbound->runner_.get(),
                 to](const std::string& name) { runner->guest_left(to(name)); }});
  outbound->sink_ = std::make_unique<AcceptedMail>(
      AcceptedMail::Rooms{rooms.webhooks, *outbound->queued_, rooms.spool, rooms.workers,
                          rooms.directory, rooms.keys,
                          [runner = outbound->runner_.get()] { runner->wake(); },
                          [&self](std::string domain, spool::Destination destination) {
                            return self.run_queue(std::move(domain), std::move(destination));
                          },
                          &self.postmaster_, [&self] { self.measure_postmaster(); },
                          self.addresses_.get(), rooms.rules},
      AcceptedMail::Settings{.hostname = config.server.hostname,
                             .temporary_directory = data_dir + "/tmp",
                             .hostnames = listener_hostnames(config),
                             .in_database = !config.cluster.database.empty(),
                             .discards = config.webhooks.disposition == Disposition::discard},
      std::move(relay));
  return outbound;
}

Outbound::~Outbound() {
  halt();
  clear();
}

Task<Result<QueueHooks::Sleeping>> Outbound::sleeping(
    std::vector<spool::Destination> destinations) {
  QueueHooks::Sleeping until;
  for (const spool::Destination& one : destinations) until.push_back(runner_->sleeps_until(one));
  co_return until;
}

Task<Result<queue::Told>> Outbound::report(spool::Message message) {
  Result<queue::Told> told = co_await runner_->report_dropped(message);
  co_return told;
}

Task<Result<std::size_t>> Outbound::running() { co_return runner_->running(); }

void Outbound::measure_postmaster() {
  auto measure = [](Outbound& self) -> Task<void> {
    (void)co_await self.folder_disk_.run([&box = self.postmaster_] {
      box.measure();
      return true;
    });
  };
  boost::asio::co_spawn(loop_, measure(*this), boost::asio::detached);
}

/// Any client may send ETRN: in a minute a destination's messages are searched for ten domains at
/// most, and one search runs at a time.
gateway::MessageSink::QueueRun Outbound::run_queue(std::string domain,
                                                   spool::Destination destination) {
  using QueueRun = gateway::MessageSink::QueueRun;
  constexpr std::chrono::minutes rest{1};
  constexpr std::size_t most_destinations = 1000;
  constexpr std::size_t most_domains = 10;
  constexpr std::size_t most_waiting = 100;
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(flushes_mutex_);
    const auto is_over = [&](const auto& one) { return now - one.second.begun >= rest; };
    if (flushes_.size() >= most_destinations) std::erase_if(flushes_, is_over);
    if (flushes_.size() >= most_destinations) return QueueRun::cannot;
    Flush& flush = flushes_[destination];
    if (now - flush.begun >= rest) flush = {.domains = {}, .begun = now};
    if (std::ranges::find(flush.domains, domain) != flush.domains.end()) return QueueRun::recent;
    if (flush.domains.size() >= most_domains || waiting_.size() >= most_waiting) {
      return QueueRun::cannot;
    }
    flush.domains.push_back(domain);
    waiting_.emplace_back(std::move(destination), std::move(domain));
    if (std::exchange(flushing_, true)) return QueueRun::started;
  }
  boost::asio::co_spawn(loop_, flush_waiting(), boost::asio::detached);
  return QueueRun::started;
}

Task<void> Outbound::flush_waiting() {
  constexpr std::size_t most_messages = 100'000;
  try {
    for (;;) {
      std::pair<spool::Destination, std::string> next;
      {
        const std::lock_guard lock(flushes_mutex_);
        flushing_ = !waiting_.empty() && !draining_;
        if (!flushing_) co_return;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      const std::string name = next.second;
      const auto ran = co_await disk_.run([this, next = std::move(next)]() -> Result<std::size_t> {
        QueueHooks told = hooks();
        told.stopping = [this] { return draining_.load(); };
        return retry_domain(rooms_.spool, told, next.first, next.second, most_messages);
      });
      const Error* trouble = !ran ? &ran.error() : !*ran ? &ran->error() : nullptr;
      if (trouble != nullptr) {
        telemetry::log::warning("queue.etrn").field("name", name).field("error", trouble->message);
      } else {
        telemetry::log::info("queue.etrn").field("name", name).field("count", **ran);
      }
    }
  } catch (...) {
    const std::lock_guard lock(flushes_mutex_);
    flushing_ = false;
    throw;
  }
}

QueueHooks Outbound::hooks() {
  return {.acted =
              [this](spool::Action action, spool::Sequence message) {
                runner_->told(message, action == spool::Action::retry);
              },
          .sleeping =
              [this](std::vector<spool::Destination> destinations) {
                return net::ask(loop_, sleeping(std::move(destinations)), longest_question);
              },
          .report =
              [this](const spool::Message& message) {
                return net::ask(loop_, report(message), longest_question);
              },
          .stopping = {}};
}

void Outbound::start() {
  runner_->start();
  thread_ = named_thread("queue", [this] {
    auto work = boost::asio::make_work_guard(loop_);
    for (;;) {
      try {
        loop_.run();
        return;
      } catch (const std::exception& error) {
        telemetry::log::error("queue.error").field("error", error.what());
      }
    }
  });
}

void Outbound::follow(std::shared_ptr<const relay::RelayConfig> relay) {
  config_.store(relay);
  relay_->follow(relay);
  addresses_->follow(relay);
  sink_->follow(std::move(relay));
}

void Outbound::drain(std::chrono::milliseconds limit) {
  draining_ = true;
  addresses_->stop();
  if (!thread_.joinable()) return;
  boost::asio::post(loop_, [this] { runner_->stop(); });
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    const Result<std::size_t> left = net::ask(loop_, running(), longest_question);
    if (!left || *left == 0) break;
    std::this_thread::sleep_for(look_at_drain);
  }
  boost::asio::post(loop_, [this] { relay_->close(); });
}

void Outbound::halt() {
  disk_.stop();
  folder_disk_.stop();
  loop_.stop();
  if (thread_.joinable()) {
    thread_.join();
    runner_->stop();  // again: the loop may have been stuck in drain()
  }
  if (addresses_) addresses_->flush();
}

void Outbound::purge(std::chrono::system_clock::time_point now) {
  constexpr std::chrono::hours dead_letters_stay{14 * 24};
  const Result<std::uint64_t> gone = rooms_.spool.purge_dead(now - dead_letters_stay);
  if (!gone) {
    telemetry::log::store_error(gone.error());
  } else if (*gone != 0) {
    telemetry::log::info("queue.purged").field("messages", *gone);
  }
}

}  // namespace postern::app
