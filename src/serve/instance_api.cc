// The API part of an Instance: its dependencies, its thread, and housekeeping.
#include <algorithm>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "admin/core.h"
#include "base/version.h"
#include "config/descriptors.h"
#include "config/dnssec_report.h"
#include "config/room_options.h"
#include "deliver/template.h"
#include "serve/instance.h"
#include "serve/queue_metrics.h"
#include "serve/rounds.h"
#include "store/token_file.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using telemetry::metrics;

namespace {

constexpr std::chrono::minutes housekeeping_interval{1};
constexpr std::chrono::seconds tick_interval{1};
constexpr std::chrono::seconds readiness_interval{5};
/// Jobs that wait for a database thread; above, the API answers 503.
constexpr std::size_t api_disk_queue = 1024;
constexpr std::size_t account_queue = 64;
constexpr std::size_t queue_questions = 64;
/// Edits that are read later are rules that this gateway does not keep.
constexpr std::chrono::seconds longest_lag{5};
/// Longer than most failovers: else all gateways leave the balancer at once, and nobody is held.
constexpr std::chrono::seconds ready_without_primary =
    cluster::dead_after + cluster::heartbeat_every;

}  // namespace

/// /readyz: the store is writable, the queue's disk works, and mail is accepted.
class Instance::Readiness final : public admin::ReadinessProbe {
 public:
  explicit Readiness(Instance& instance) : instance_(instance) {}

  Task<std::vector<std::pair<std::string, std::string>>> problems() override {
    std::vector<std::pair<std::string, std::string>> found;
    if (instance_.stopping_) found.emplace_back("gateway", "it is stopping");
    store::Store* store = instance_.store_.get();
    // In its own turn: accounts' requests do not make the gateway unready.
    const auto probed = co_await instance_.disk_pool_->run(
        {.account = "readyz", .client = {}},
        [store] { return std::pair(store->probe(), store::lost_files()); });
    if (!probed) {
      found.emplace_back("database", probed.error().message);
    } else if (!probed->first) {
      found.emplace_back("database", probed->first.error().message);
    }
    if (probed && !probed->second.empty()) {
      found.emplace_back(
          "files",
          fmt::format("removed or replaced while the gateway has them open: {}; mail is deferred. "
                      "Stop the gateway cleanly, never kill it, and start it again",
                      fmt::join(probed->second, ", ")));
    }
    if (instance_.follower_ && instance_.follower_->behind() > longest_lag) {
      found.emplace_back("changes", "edits of other gateways cannot be read");
    }
    if (instance_.met_unknown_edit_) {
      found.emplace_back("version", "a newer gateway edits what this version does not know");
    }
    if (instance_.node_) {
      if (instance_.node_->is_draining()) found.emplace_back("draining", "it was asked to stop");
      if (const auto trouble = instance_.node_->trouble(ready_without_primary)) {
        found.emplace_back(trouble->word, trouble->sentence);
      }
    }
    const Result<void> ready = instance_.spool_->ready(0);
    // The spool of a cluster says what its node says.
    const bool is_said = !ready && std::ranges::any_of(found, [&](const auto& one) {
      return one.second == ready.error().message;
    });
    if (!ready && !is_said) {
      found.emplace_back("spool", ready.error().fault == Fault::permanent
                                      ? "the queue's disk has failed, mail is deferred until a "
                                        "restart: " +
                                            ready.error().message
                                      : ready.error().message);
    }
    if (const auto trouble = instance_.inbox_->trouble()) {
      found.emplace_back("inbox",
                         "the disk of the inboxes has failed, their mail is deferred until "
                         "a restart: " +
                             trouble->message);
    }
    if (instance_.resources_->shortage() != gateway::Resources::Shortage::none) {
      found.emplace_back("resources",
                         "too little memory, disk or open files: new mail is deferred");
    }
    note(found);
    co_return found;
  }

  /// Asks every few seconds, until the gateway stops: the log of a member of a cluster says that it
  /// is not ready also where no balancer asks.
  Task<void> watch() {
    asio::steady_timer timer(instance_.api_loop_);
    for (;;) {
      timer.expires_after(readiness_interval);
      const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      if (error || instance_.stopping_) co_return;
      co_await in_round("readiness", [this]() -> Task<Result<void>> {
        co_await problems();
        co_return Result<void>();
      });
    }
  }

 private:
  /// Logs that the gateway is not ready any more, and that it is again.
  void note(const std::vector<std::pair<std::string, std::string>>& problems) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard guard(mutex_);
    if (problems.empty() == !unready_since_) return;
    if (problems.empty()) {
      telemetry::log::info("server.unready")
          .field("duration_ms", now - *std::exchange(unready_since_, std::nullopt))
          .msg("/readyz is 200 again");
      return;
    }
    unready_since_ = now;
    std::string reasons;
    for (const auto& [word, sentence] : problems) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", word, sentence);
    }
    telemetry::log::warning("server.unready")
        .field("error", reasons)
        .msg("/readyz is 503: balancers send no mail here");
  }

  Instance& instance_;
  std::mutex mutex_;  ///< guards `unready_since_`
  std::optional<std::chrono::steady_clock::time_point> unready_since_;
};

namespace {

template <class CatchUp>
void show_addresses(const AddressVerifier::Counts& counts, const CatchUp& catch_up) {
  metrics().cache_entries.gauge({"addresses"}).set(static_cast<std::int64_t>(counts.results));
  for (std::size_t kind = 0; kind < counts.probes.size(); ++kind) {
    const std::string_view result = relay::to_string(static_cast<relay::Verified::Kind>(kind));
    catch_up(metrics().address_probes.counter({result}), counts.probes[kind]);
  }
  catch_up(metrics().address_probes.counter({"limited"}), counts.limited);
}

template <class CatchUp>
void show_limits(const cluster::SharedWindows& limits, const CatchUp& catch_up) {
  const cluster::SharedWindows::Counts counts = limits.counts();
  catch_up(metrics().limit_draws.counter({"granted"}), counts.granted);
  catch_up(metrics().limit_draws.counter({"empty"}), counts.empty);
  catch_up(metrics().limit_draws.counter({"failed"}), counts.failed);
  catch_up(metrics().limit_draws.counter({"late"}), counts.late);
}

template <class CatchUp>
void show_cluster(const cluster::Node& node, const cluster::Database& database,
                  const CatchUp& catch_up) {
  const cluster::Node::Counts counts = node.counts();
  metrics().cluster_nodes.gauge({"live"}).set(counts.nodes);
  metrics().cluster_nodes.gauge({"draining"}).set(counts.draining);
  metrics().cluster_nodes.gauge({"dead"}).set(counts.gone);
  metrics().cluster_partitions.gauge({}).set(static_cast<std::int64_t>(node.parts().size()));
  catch_up(metrics().cluster_takeovers.counter({"free"}), counts.free);
  catch_up(metrics().cluster_takeovers.counter({"dead"}), counts.dead);
  catch_up(metrics().cluster_lease_lost.counter({}), counts.lost);
  metrics().cluster_heartbeat_age.gauge({}).set(
      std::chrono::duration_cast<std::chrono::seconds>(node.silence()).count());
  metrics().cluster_clock_offset.gauge({}).set(std::chrono::nanoseconds(node.offset()).count());
  metrics().cluster_epoch.gauge({}).set(database.epoch().timeline);
  metrics().cluster_rolled_back.gauge({}).set(node.rolled_back().empty() ? 0 : 1);
}

}  // namespace

class Instance::MetricsPort final : public admin::MetricsSource {
 public:
  explicit MetricsPort(Instance& instance) : instance_(instance) {}

  Task<std::string> text() override {
    // If the queue cannot be read, its last values stay.
    spool::Spool* spool = instance_.spool_.get();
    co_await instance_.queue_pool_->run({.account = "metrics", .client = {}},
                                        [spool] { return show_queue(*spool); });
    metrics().store_policies.gauge({}).set(
        static_cast<std::int64_t>(instance_.directory_.policy_count()));
    metrics().store_webhooks.gauge({}).set(
        static_cast<std::int64_t>(instance_.directory_.webhook_count()));
    metrics().store_unreadable.gauge({}).set(
        static_cast<std::int64_t>(instance_.publisher_->unreadable()));
    show_dnssec(instance_.dnssec());
    metrics().memory_charged.gauge({}).set(static_cast<std::int64_t>(instance_.memory_->used()));
    metrics().memory_limit.gauge({}).set(static_cast<std::int64_t>(instance_.memory_->limit()));
    const auto catch_up = [](telemetry::Counter counter, std::uint64_t total) {
      counter.add(total - counter.value());
    };
    catch_up(metrics().cache_lookups.counter({"dns", "hit"}), instance_.resolver_->hits());
    catch_up(metrics().cache_lookups.counter({"dns", "miss"}), instance_.resolver_->misses());
    metrics().cache_entries.gauge({"dns"}).set(
        static_cast<std::int64_t>(instance_.resolver_->size()));
    show_addresses(instance_.outbound_->addresses().counts(), catch_up);
    if (instance_.node_) {
      show_cluster(*instance_.node_, *instance_.cluster_, catch_up);
      catch_up(metrics().cluster_unknown.counter({}), instance_.spool_->counters().unknown);
      show_limits(*instance_.limits_, catch_up);
    }
    if (instance_.follower_) {
      metrics().cluster_change_lag.gauge({}).set(
          std::chrono::duration_cast<std::chrono::seconds>(instance_.follower_->behind()).count());
      catch_up(metrics().cluster_changes.counter({}),
               instance_.follower_->applied() - instance_.follow_from_);
    }
    catch_up(metrics().trace_dropped.counter({"error"}), instance_.traces_->failed());
    if (instance_.feeds_) {
      catch_up(metrics().trace_dropped.counter({"cluster"}), instance_.feeds_->dropped());
    }
    catch_up(metrics().memory_refusals.counter({}),
             instance_.memory_->refusals() + instance_.resources_->refusals());
    co_return metrics().registry.render();
  }
  void count_request(std::string_view method, std::string_view route, int status,
                     std::chrono::nanoseconds took) override {
    metrics().api_requests.counter({method, route, std::to_string(status)}).add();
    metrics().api_request_duration.histogram({method, route}).observe(took);
  }

 private:
  Instance& instance_;
};

Instance::Started Instance::open_api() {
  account_pool_ = std::make_unique<net::WorkPool>(1, account_queue, "api-password");
  disk_pool_ = std::make_unique<net::WorkPool>(2, api_disk_queue, "api-disk");
  simulator_ = std::make_unique<SimulatorPort>(directory_, *delivery_, data_dir_ + "/tmp");
  dry_run_ =
      std::make_unique<DryRunPort>(authentication_options(config_), authentication_, *resolver_);
  test_mail_ = std::make_unique<TestMailPort>(
      directory_, trace_watch_, [this] { return config_.listeners; },
      TestMailOptions{.hostname = config_.server.hostname});
  trace_port_ = std::make_unique<TracePort>(*traces_, data_dir_ + "/traces.db", *disk_pool_);
  live_answers_ = std::make_unique<LiveAnswersPort>(
      *store_, *delivery_log_, inbox_->reader(), *trace_port_, outbound_->addresses(), *disk_pool_,
      [this] { return config_.api.base_url(); }, reloads_, [this] { return health(); },
      [this] { return running(); },
      [this](const std::string& question, const boost::json::object& given) {
        return answer_about_tls(question, given);
      });
  replay_port_ = std::make_unique<ReplayPort>(
      *traces_, data_dir_ + "/traces.db",
      [this](const std::optional<admin::Lists>& lists) { return draft_of(lists); }, *resolver_,
      node_ ? std::make_unique<cluster::SharedJobs>(*cluster_, node_->boot()) : nullptr);
  plan_desk_ = std::make_unique<PlanDesk>(*store_, directory_, [this] { return deciding(); });
  trace_rerun_ =
      std::make_unique<TraceRerunPort>(*traces_, data_dir_ + "/traces.db", *disk_pool_, directory_,
                                       *resolver_, [this] { return draft_of(std::nullopt); });
  queue_pool_ = std::make_unique<net::WorkPool>(2, queue_questions, "api-queue");
  queue_port_ = std::make_unique<SpoolQueuePort>(*spool_, *queue_pool_, outbound_->hooks());
  readiness_ = std::make_unique<Readiness>(*this);
  metrics_port_ = std::make_unique<MetricsPort>(*this);

  control_ = new_control();
  admin::Options options = api_options(config_);
  options.control_token = control_.token;
  if (auto token = store::token_file(data_dir_ + "/metrics.token")) {
    options.metrics_token = *token;
  } else {
    return cannot(ExitCode::cannot_create, token.error().message, "");
  }
  const auto template_error = [](std::string_view text) -> std::optional<std::string> {
    const auto parsed = deliver::Template::parse(text);
    return parsed ? std::nullopt : std::optional(parsed.error().message);
  };
  auto api = admin::AdminApi::open({.store = *store_,
                                    .delivery_log = *delivery_log_,
                                    .inbox = *inbox_,
                                    .publisher = *publisher_,
                                    .resolver = *resolver_,
                                    .hashing = *account_pool_,
                                    .disk = *disk_pool_,
                                    .template_error = template_error,
                                    .simulator = simulator_.get(),
                                    .dry_run = dry_run_.get(),
                                    .test_mail = test_mail_.get(),
                                    .traces = trace_port_.get(),
                                    .readiness = readiness_.get(),
                                    .metrics = metrics_port_.get(),
                                    .lists = lists_.get(),
                                    .replayer = replay_port_.get(),
                                    .queue = queue_port_.get(),
                                    .trace_hub = &trace_hub_,
                                    .trace_rerun = trace_rerun_.get(),
                                    .answers = live_answers_.get(),
                                    .guards = guardrails_.get(),
                                    .planner = plan_desk_.get(),
                                    .smtp_listeners = [this] { return smtp_listeners(); },
                                    .dnssec = [this] { return dnssec().text(); },
                                    .limits = limits_.get(),
                                    .tries = tries_.get(),
                                    .linked = linked_,
                                    .applied = applied_by()},
                                   options);
  if (!api) return database_error(data_dir_ + "/postern.db", api.error());
  api_ = std::move(*api);
  if (cluster_) follow_cluster();
  return {};
}

/// For AdminApi; null without a cluster.
std::function<Result<std::pair<std::int64_t, std::int64_t>>(std::uint64_t)> Instance::applied_by() {
  if (!cluster_) return nullptr;
  applied_ = std::make_unique<cluster::AppliedEdits>(*cluster_, node_->boot());
  return [applied =
              applied_.get()](std::uint64_t edit) -> Result<std::pair<std::int64_t, std::int64_t>> {
    const auto state = applied->of(edit);
    if (!state) return tl::unexpected(state.error());
    return std::pair(state->nodes, state->have);
  };
}

/// For `postern doctor` (cli/commands_doctor.cc).
Task<boost::json::object> Instance::health() {
  const Version version = current_version();
  boost::json::array problems;
  for (const auto& [what, sentence] : co_await readiness_->problems()) {
    problems.emplace_back(fmt::format("{}: {}", what, sentence));
  }
  boost::json::array listeners;
  for (const ListenerConfig& listener : config_.listeners) {
    listeners.emplace_back(listener.address.to_string());
  }
  listeners.emplace_back(config_.api.address.to_string());
  const auto sandbox = sandbox_.load();
  boost::json::object health{{"version", version.number},
                             {"revision", version.revision},
                             {"user", geteuid()},
                             {"problems", std::move(problems)},
                             {"listeners", std::move(listeners)},
                             {"sandbox", sandbox ? *sandbox : std::string()},
                             {"descriptors", descriptor_limit()}};
  struct stat data{};
  if (::stat(config_.server.data_dir.c_str(), &data) == 0) health["data_owner"] = data.st_uid;
  co_return health;
}

/// In the file's order. The ports are known when this is called.
std::vector<admin::SmtpListener> Instance::smtp_listeners() const {
  std::vector<admin::SmtpListener> all;
  for (const ListenerConfig& listener : config_.listeners) {
    const bool starttls = listener.tls == gateway::ListenerTls::starttls ||
                          listener.tls == gateway::ListenerTls::required;
    const bool implicit = listener.tls == gateway::ListenerTls::implicit;
    all.push_back({listener.address.to_string(), starttls   ? "starttls"
                                                 : implicit ? "implicit"
                                                            : "none"});
  }
  return all;
}

void Instance::run_api_loop() {
  asio::co_spawn(api_loop_, housekeeping(), asio::detached);
  asio::co_spawn(api_loop_, tick(), asio::detached);
  if (node_) {
    asio::co_spawn(api_loop_, static_cast<Readiness&>(*readiness_).watch(), asio::detached);
  }
  auto work = asio::make_work_guard(api_loop_);
  for (;;) {
    try {
      api_loop_.run();
      return;
    } catch (const std::exception& error) {
      telemetry::log::error("api.error").field("error", error.what());
    }
  }
}

Task<void> Instance::tick() {
  asio::steady_timer timer(api_loop_);
  for (;;) {
    timer.expires_after(tick_interval);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    sightings_->tidy(gateway::SignatureSightings::Clock::now());
    co_await in_round("tick", [this]() -> Task<Result<void>> {
      co_await api_->tick();
      co_return Result<void>();
    });
  }
}

Task<void> Instance::housekeeping() {
  asio::steady_timer timer(api_loop_);
  for (;;) {
    timer.expires_after(housekeeping_interval);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    const bool for_all = leads();
    co_await in_round("sessions", [this, for_all]() -> Task<Result<void>> {
      if (!for_all) {
        const auto ran =
            co_await disk_pool_->run(admin::own_turn(), [this] { return api_->follow_keys(); });
        co_return ran ? *ran : tl::unexpected(ran.error());
      }
      co_await api_->housekeeping();
      co_return Result<void>();
    });
    co_await in_round("deliveries", [this] { return purge_deliveries(); });
    if (for_all) co_await in_round("queue", [this] { return purge_queue(); });
    if (for_all) co_await in_round("inboxes", [this] { return purge_inboxes(); });
    co_await in_round("certificates", [this]() -> Task<Result<void>> {
      const auto ran = co_await disk_pool_->run(admin::own_turn(),
                                                [this] { return renew_changed_certificates(); });
      if (!ran) co_return tl::unexpected(ran.error());
      co_return Result<void>();
    });
    co_await in_round("queue figures", [this] { return count_queue(); });
  }
}

Task<Result<void>> Instance::purge_deliveries() {
  // A message may have a thousand links: repeats until nothing is left.
  for (bool more = true; more;) {
    const auto ran = co_await disk_pool_->run(admin::own_turn(), [this]() -> Result<bool> {
      const auto purged = delivery_log_->purge(store::now());
      if (!purged) return tl::unexpected(purged.error());
      for (const std::string& file : purged->files) {
        std::error_code ignored;
        fs::remove(data_dir_ + "/attachments/" + file, ignored);
      }
      return purged->more;
    });
    if (!ran) co_return tl::unexpected(ran.error());
    if (!*ran) co_return tl::unexpected(ran->error());
    more = **ran;
  }
  co_return Result<void>();
}

Task<Result<void>> Instance::purge_queue() {
  Outbound* outbound = outbound_.get();
  const auto ran = co_await disk_pool_->run(admin::own_turn(), [outbound] {
    outbound->purge(std::chrono::system_clock::now());
    return true;
  });
  if (!ran) co_return tl::unexpected(ran.error());
  co_return Result<void>();
}

Task<Result<void>> Instance::count_queue() {
  spool::Spool* spool = spool_.get();
  const auto ran = co_await queue_pool_->run({.account = "metrics", .client = {}},
                                             [spool] { return show_queue(*spool); });
  if (!ran) co_return tl::unexpected(ran.error());
  co_return *ran;
}

Task<Result<void>> Instance::purge_inboxes() {
  const auto ran = co_await disk_pool_->run(admin::own_turn(), [this]() -> Result<std::uint64_t> {
    if (linked_ != nullptr) {
      if (Result<void> purged = linked_->purge(store::now()); !purged) {
        return tl::unexpected(purged.error());
      }
    }
    return inbox_->purge(store::now(), [this](const std::string& id) {
      const auto webhook = directory_.webhook(id);
      return webhook ? std::optional(webhook->inbox) : std::nullopt;
    });
  });
  if (!ran) co_return tl::unexpected(ran.error());
  if (!*ran) co_return tl::unexpected(ran->error());
  metrics().inbox_aged_out.counter({}).add(**ran);
  co_return Result<void>();
}

}  // namespace postern::app
