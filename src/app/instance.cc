#include "app/instance.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/explain_live.h"
#include "app/listener_certificate.h"
#include "app/queue_metrics.h"
#include "app/relay_options.h"
#include "app/room_options.h"
#include "base/text.h"
#include "base/version.h"
#include "deliver/template.h"
#include "dialect/kumo/rewriter.h"
#include "policy/catalogue.h"
#include "store/token_file.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using telemetry::metrics;

namespace {

constexpr std::chrono::minutes housekeeping_interval{1};
/// Jobs that wait for a database thread: beyond it the API answers 503.
constexpr std::size_t disk_queue = 1024;
constexpr std::size_t account_queue = 64;
constexpr std::size_t queue_questions = 64;
constexpr std::size_t payload_queue = 1024;
/// Look-ups in databases: threads, which is connections a table, and how many wait for them.
constexpr std::size_t lookup_threads = 4;
constexpr std::size_t lookup_queue = 256;
/// Likewise of accounts: a slow directory holds up nothing else.
constexpr std::size_t source_threads = 8;
constexpr std::size_t source_queue = 128;

void start_metrics(const Config& config, std::vector<std::pair<std::string, std::string>> routes) {
  telemetry::MetricsSetup setup;
  setup.listeners.clear();
  for (const ListenerConfig& listener : config.listeners) setup.listeners.push_back(listener.name);
  for (const policy::Check* check : policy::checks::all()) setup.checks.emplace_back(check->name);
  setup.layers.emplace_back("auth", "auth");  // what verifiers say of credentials
  for (const std::string_view verifier : gateway::auth_check_names())
    setup.checks.emplace_back(verifier);
  setup.routes = std::move(routes);
  setup.version = current_version().number;
  setup.revision = current_version().revision;
  setup.compiler = current_version().compiler;
  telemetry::start_metrics(setup);
}

tl::unexpected<StartError> cannot(ExitCode code, std::string message, std::string hint) {
  return tl::unexpected<StartError>(
      StartError{.code = code, .message = std::move(message), .hint = std::move(hint)});
}

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

std::uint64_t body_memory(const Config& config) {
  if (config.limits.memory != 0) return config.limits.memory;
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE)) / 4;
}

tl::unexpected<StartError> database_error(const std::string& path, const Error& error) {
  const bool corrupt = error.fault == Fault::permanent;
  return cannot(
      error.fault == Fault::denied ? ExitCode::cannot_create
      : corrupt                    ? ExitCode::io
                                   : ExitCode::try_again,
      error.message,
      corrupt ? fmt::format("restore {} from a backup, or move it away to begin with an empty one",
                            path)
              : "see that the disk has room and that no other program holds the file");
}

}  // namespace

/// /readyz: the store can write, the queue's disk is trusted, and mail is taken.
class Instance::Readiness final : public admin::ReadinessProbe {
 public:
  explicit Readiness(Instance& instance) : instance_(instance) {}

  Task<std::vector<std::pair<std::string, std::string>>> problems() override {
    std::vector<std::pair<std::string, std::string>> found;
    store::Store* store = instance_.store_.get();
    const auto probed = co_await instance_.disk_pool_->run([store] { return store->probe(); });
    if (!probed) {
      found.emplace_back("database", probed.error().message);
    } else if (!*probed) {
      found.emplace_back("database", probed->error().message);
    }
    if (const Result<void> ready = instance_.spool_->ready(0); !ready) {
      found.emplace_back("spool", ready.error().fault == Fault::permanent
                                      ? "the queue's disk has failed, mail is deferred until a "
                                        "restart: " +
                                            ready.error().message
                                      : ready.error().message);
    }
    if (instance_.resources_->shortage() != gateway::Resources::Shortage::none) {
      found.emplace_back("resources", "too little memory or disk: new mail is deferred");
    }
    co_return found;
  }

 private:
  Instance& instance_;
};

class Instance::MetricsPort final : public admin::MetricsSource {
 public:
  explicit MetricsPort(Instance& instance) : instance_(instance) {}

  Task<std::string> text() override {
    // When the queue cannot be asked, its last figures stay.
    spool::SqliteSpool* spool = instance_.spool_.get();
    co_await instance_.queue_pool_->run([spool] { return show_queue(*spool); });
    metrics().store_policies.gauge({}).set(
        static_cast<std::int64_t>(instance_.directory_.policy_count()));
    metrics().store_webhooks.gauge({}).set(
        static_cast<std::int64_t>(instance_.directory_.webhook_count()));
    const auto catch_up = [](telemetry::Counter counter, std::uint64_t total) {
      counter.add(total - counter.value());
    };
    catch_up(metrics().cache_lookups.counter({"dns", "hit"}), instance_.resolver_->hits());
    catch_up(metrics().cache_lookups.counter({"dns", "miss"}), instance_.resolver_->misses());
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

Instance::Instance(const Config& config)
    : config_(config),
      data_dir_(config.server.data_dir.string()),
      deciding_(config),
      engine_(std::make_shared<policy::CurrentEngine>()),
      lookup_pool_(std::make_unique<net::WorkPool>(lookup_threads, lookup_queue)),
      tables_(std::make_shared<gateway::RemoteTables>(*lookup_pool_)),
      scripts_{config.lua.runtime, config.vsl.runtime} {}

Instance::~Instance() { stop(std::chrono::milliseconds(0)); }

tl::expected<std::unique_ptr<Instance>, StartError> Instance::start(
    const Config& config, TestRecipients test_recipients) {
  std::unique_ptr<Instance> instance(new Instance(config));
  instance->test_recipients_ = test_recipients == TestRecipients::on;
  for (const auto step :
       {&Instance::open_directory, &Instance::open_databases, &Instance::open_resolver,
        &Instance::open_delivery, &Instance::open_api, &Instance::open_listeners}) {
    if (Started started = ((*instance).*step)(); !started) {
      return tl::unexpected(started.error());
    }
  }
  instance->outbound_->start();
  instance->server_->start();
  instance->api_thread_ = std::thread([raw = instance.get()] { raw->run_api_loop(); });
  return instance;
}

Instance::Started Instance::open_directory() {
  std::error_code error;
  for (const char* name : {"", "/attachments", "/tmp", "/spool"}) {
    fs::create_directories(data_dir_ + name, error);
    if (error) {
      return cannot(ExitCode::cannot_create,
                    fmt::format("cannot create the data directory {}{}: {}", data_dir_, name,
                                error.message()),
                    "choose another with --data-dir DIR or `server.data_dir`");
    }
  }
  fs::permissions(data_dir_, fs::perms::owner_all, error);
  lock_ = ::open((data_dir_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return cannot(
        ExitCode::cannot_create,
        fmt::format("cannot write in the data directory {}: {}", data_dir_, std::strerror(errno)),
        fmt::format("make it writable for uid {}, or choose another with --data-dir DIR",
                    ::getuid()));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return cannot(ExitCode::try_again,
                  fmt::format("another postern uses the data directory {}", data_dir_),
                  "stop it first, or choose another with --data-dir DIR");
  }
  return {};
}

Instance::Started Instance::open_databases() {
  const std::string control = data_dir_ + "/postern.db";
  auto store = store::SqliteStore::open(control);
  if (!store) return database_error(control, store.error());
  store_ = std::move(*store);

  const std::string delivery = data_dir_ + "/delivery.db";
  store::DeliveryLogOptions log_options;
  log_options.retention = std::chrono::duration_cast<std::chrono::hours>(config_.delivery_log.keep);
  auto log = store::DeliveryLog::open(delivery, log_options);
  if (!log) return database_error(delivery, log.error());
  delivery_log_ = std::move(*log);

  const std::string traces = data_dir_ + "/traces.db";
  store::TraceOptions trace_options;
  trace_options.keep = std::chrono::duration_cast<std::chrono::seconds>(config_.traces.keep);
  trace_options.max_size = config_.traces.max_size;
  auto writer = store::TraceWriter::open(traces, trace_options);
  if (!writer) return database_error(traces, writer.error());
  traces_ = std::move(*writer);

  auto spool = spool::SqliteSpool::open({.directory = data_dir_ + "/spool"});
  if (!spool) return database_error(data_dir_ + "/spool/spool.db", spool.error());
  spool_ = std::move(*spool);

  publisher_ = std::make_unique<admin::Publisher>(*store_, directory_,
                                                  config_.webhooks.public_domain, &dkim_keys_);
  if (Result<void> loaded = publisher_->load(); !loaded) {
    return database_error(control, loaded.error());
  }
  lists_ = std::make_unique<admin::RunningLists>(
      *store_, config_.server.hostname, [this](const admin::Lists& lists) { follow_lists(lists); });
  if (Started followed = follow_file(config_.restrictions); !followed) return followed;
  attachments_ = std::make_unique<AttachmentFiles>(*delivery_log_, data_dir_ + "/attachments",
                                                   config_.api.base_url());
  return {};
}

Instance::Started Instance::open_resolver() {
  auto resolver = net::UnboundResolver::open(api_loop_.get_executor(), resolver_options(config_));
  if (!resolver) {
    return cannot(ExitCode::config, "DNS: " + resolver.error().message, "see `dns.servers`");
  }
  name_servers_ = std::move(*resolver);
  metered_ = std::make_unique<MeteredResolver>(*name_servers_);
  resolver_ = std::make_unique<dns::CachingResolver>(*metered_);
  return {};
}

dialect::Draft Instance::draft_of(const std::optional<admin::Lists>& lists) {
  const std::lock_guard lock(deciding_mutex_);
  Config draft = deciding_;
  if (lists) draft.restrictions = restrictions_of(*lists);
  return {engine_for(draft), authentication_options(draft)};
}

void Instance::follow_lists(const admin::Lists& lists) {
  const std::lock_guard lock(deciding_mutex_);
  deciding_.restrictions = restrictions_of(lists);
  tables_->replace(remote_tables(deciding_));
  engine_->set(std::make_shared<const policy::Engine>(engine_for(deciding_)));
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    auto next = std::make_shared<gateway::ListenerSettings>(*listeners_[i]);
    app::follow_lists(*next, deciding_.restrictions);
    for (auto& variant : next->variants) {
      auto other = std::make_shared<gateway::ListenerSettings>(*variant.settings);
      app::follow_lists(*other, deciding_.restrictions);
      variant.settings = std::move(other);
    }
    listeners_[i] = next;
    server_->replace_settings(i, std::move(next));
  }
}

Instance::Started Instance::follow_file(const RestrictionsConfig& restrictions) {
  const auto section = restrictions.present ? std::optional(restrictions.section) : std::nullopt;
  const Result<void> followed = lists_->follow_file(section, restrictions.judged);
  if (followed) return {};
  if (followed.error().fault != Fault::malformed) {
    return database_error(data_dir_ + "/postern.db", followed.error());
  }
  return cannot(ExitCode::config, followed.error().message,
                "mend what its tables lack, or write the lists into [restrictions]: a changed "
                "section replaces them");
}

Instance::ListenerResult Instance::listener_settings(const ListenerConfig& listener,
                                                     const Config& config) const {
  auto settings = std::make_shared<gateway::ListenerSettings>(session_settings(listener, config));
  settings->body_directory = data_dir_ + "/tmp";
  settings->engine = engine_;
  settings->tables = tables_;
  if (config.lua.loaded && config.lua.mode == LuaMode::enforce) {
    settings->rewriter = dialect::kumo::rewriter_of(config.lua.loaded);
  }
  auto certificate = certificate_of(listener, config, data_dir_);
  if (!certificate) {
    return cannot(
        certificate.error().fault == Fault::denied ? ExitCode::cannot_create : ExitCode::config,
        certificate.error().message, "");
  }
  settings->certificate = *certificate;
  if (*certificate) {
    metrics()
        .tls_certificate_not_after.gauge({listener.name})
        .set(std::chrono::system_clock::to_time_t((*certificate)->not_after()));
  }
  if (!listener.started) return settings;
  for (const auto& variant : listener.started->variants) {
    ListenerResult made = listener_settings(started_by(*variant.as), config);
    if (!made) return made;
    settings->variants.push_back({.peer = variant.peer, .via = variant.via, .settings = *made});
  }
  return settings;
}

Instance::Started Instance::open_delivery() {
  const AuthConfig& auth = config_.auth;
  const std::size_t hashers =
      auth.workers != 0 ? auth.workers : std::max<std::size_t>(1, cores() / 2);
  auth_pool_ = std::make_unique<net::WorkPool>(hashers, auth.queue);
  payload_pool_ = std::make_unique<net::WorkPool>(cores(), payload_queue);
  resources_ = std::make_unique<gateway::Resources>(body_memory(config_), data_dir_);
  admission_ = std::make_unique<gateway::Admission>(
      gateway::AdmissionLimits{.sessions = config_.limits.sessions,
                               .sessions_per_address = config_.limits.sessions_per_address,
                               .new_sessions_per_minute = config_.limits.new_sessions_per_minute,
                               .exempt = config_.limits.exempt_networks});
  source_pool_ = std::make_unique<net::WorkPool>(source_threads, source_queue);
  const Result<Secret> salt_key = store::token_file(data_dir_ + "/scram.key");
  if (!salt_key) return cannot(ExitCode::cannot_create, salt_key.error().message, "");
  authenticator_ =
      std::make_unique<gateway::Authenticator>(auth_limits(config_), salt_key->reveal());
  auto verifiers = verifiers_of(config_);
  if (!verifiers) return tl::unexpected(verifiers.error());
  authenticator_->set_verifiers(std::move(*verifiers));

  deliver::DeliveryOptions options = delivery_options(config_);
  options.payload.store = attachments_.get();
  options.test_recipients = test_recipients_;
  delivery_ = std::make_unique<deliver::WebhookDelivery>(
      deliver::DeliveryServices{directory_, *resolver_, *payload_pool_, rates_, *delivery_log_},
      options);
  Result<relay::RelayConfig> relay = relay_options(config_);
  if (!relay) return cannot(ExitCode::config, relay.error().message, "see `[[route]]`");
  outbound_ = Outbound::make(
      config_, data_dir_, std::make_shared<const relay::RelayConfig>(std::move(*relay)),
      {*delivery_, directory_, *spool_, dkim_keys_, *resolver_, *payload_pool_, *publisher_});
  recorder_ = std::make_unique<Recorder>(*delivery_log_, *traces_, &trace_hub_);
  recorder_->watch(trace_watch_);
  rate_probe_ = std::make_unique<WebhookRates>(rates_);
  services_ = std::make_unique<gateway::Services>(
      gateway::Services{directory_, *authenticator_, outbound_->sink(), *recorder_, *rate_probe_,
                        *resources_, *resolver_, authentication_});
  server_ = std::make_unique<gateway::Server>(
      config_.server.threads != 0 ? config_.server.threads : cores(), *services_, *admission_);
  return {};
}

Instance::Started Instance::open_api() {
  account_pool_ = std::make_unique<net::WorkPool>(1, account_queue);
  disk_pool_ = std::make_unique<net::WorkPool>(2, disk_queue);
  simulator_ = std::make_unique<SimulatorPort>(directory_, *delivery_, data_dir_ + "/tmp");
  dry_run_ =
      std::make_unique<DryRunPort>(authentication_options(config_), authentication_, *resolver_);
  test_mail_ = std::make_unique<TestMailPort>(
      directory_, trace_watch_, [this] { return config_.listeners; },
      TestMailOptions{.hostname = config_.server.hostname});
  trace_port_ = std::make_unique<TracePort>(*traces_, data_dir_ + "/traces.db", *disk_pool_);
  replay_port_ = std::make_unique<ReplayPort>(
      *traces_, data_dir_ + "/traces.db",
      [this](const std::optional<admin::Lists>& lists) { return draft_of(lists); });
  trace_rerun_ =
      std::make_unique<TraceRerunPort>(*traces_, data_dir_ + "/traces.db", *disk_pool_, directory_,
                                       *resolver_, [this] { return draft_of(std::nullopt); });
  queue_pool_ = std::make_unique<net::WorkPool>(2, queue_questions);
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
                                    .smtp_listeners = [this] { return smtp_listeners(); }},
                                   options);
  if (!api) return database_error(data_dir_ + "/postern.db", api.error());
  api_ = std::move(*api);
  return {};
}

/// The file's order. Ports are known by the time that anybody asks.
std::vector<admin::SmtpListener> Instance::smtp_listeners() const {
  std::vector<admin::SmtpListener> all;
  for (const ListenerConfig& listener : config_.listeners) {
    const bool starttls = listener.tls == TlsMode::starttls || listener.tls == TlsMode::required;
    const bool implicit = listener.tls == TlsMode::implicit;
    all.push_back({listener.address.to_string(), starttls   ? "starttls"
                                                 : implicit ? "implicit"
                                                            : "none"});
  }
  return all;
}

/// The addresses come last: who can connect finds everything else in its place.
Instance::Started Instance::open_listeners() {
  start_metrics(config_, api_->routes());
  for (ListenerConfig& listener : config_.listeners) {
    ListenerResult settings = listener_settings(listener, deciding_);
    if (!settings) return tl::unexpected(settings.error());
    listeners_.push_back(*settings);
    const auto port =
        server_->listen({.ip = listener.address.address, .port = listener.address.port}, *settings);
    if (!port) {
      return cannot(
          port.error().fault == Fault::denied ? ExitCode::no_permission : ExitCode::unavailable,
          fmt::format("cannot listen for SMTP on {}: {}", listener.address.to_string(),
                      port.error().message),
          "stop what uses the port, or choose another with --smtp ADDRESS:PORT");
    }
    listener.address.port = *port;  // 0 in the file: the system chose one
  }
  admin::AdminApi* handler = api_.get();
  http_ = std::make_unique<net::HttpServer>(api_loop_, [handler](net::HttpRequest request) {
    return handler->handle(std::move(request));
  });
  const auto port = http_->listen(config_.api.address.to_string());
  if (!port) {
    return cannot(
        port.error().fault == Fault::denied ? ExitCode::no_permission : ExitCode::unavailable,
        fmt::format("cannot listen for the API on {}: {}", config_.api.address.to_string(),
                    port.error().message),
        "stop what uses the port, or choose another with --api ADDRESS:PORT");
  }
  config_.api.address.port = *port;
  control_.url = control_url(config_.api.address);
  if (auto written = write_control(control_path(data_dir_), control_); !written) {
    return cannot(ExitCode::cannot_create, written.error().message, "");
  }
  return {};
}

void Instance::run_api_loop() {
  asio::co_spawn(api_loop_, housekeeping(), asio::detached);
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

Task<void> Instance::housekeeping() {
  asio::steady_timer timer(api_loop_);
  for (;;) {
    timer.expires_after(housekeeping_interval);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    co_await api_->housekeeping();
    store::DeliveryLog* log = delivery_log_.get();
    const auto purged = co_await disk_pool_->run([log] {
      return log->purge(
          std::chrono::time_point_cast<store::Time::duration>(std::chrono::system_clock::now()));
    });
    Outbound* outbound = outbound_.get();
    co_await disk_pool_->run([outbound] {
      outbound->purge(std::chrono::system_clock::now());
      return true;
    });
    if (!purged || !*purged) continue;
    for (const std::string& file : (**purged).files) {
      std::error_code ignored;
      fs::remove(data_dir_ + "/attachments/" + file, ignored);
    }
  }
}

tl::expected<void, StartError> Instance::reload(const Config& config) {
  std::vector<std::shared_ptr<const gateway::ListenerSettings>> settings;
  for (const ListenerConfig& listener : config.listeners) {
    ListenerResult made = listener_settings(listener, config);
    if (!made) return tl::unexpected(made.error());
    settings.push_back(*made);
  }
  const bool same_addresses = std::equal(
      config.listeners.begin(), config.listeners.end(), config_.listeners.begin(),
      config_.listeners.end(),
      [](const ListenerConfig& a, const ListenerConfig& b) { return a.address == b.address; });
  if (!same_addresses) {
    return cannot(ExitCode::config, "a reload cannot add, remove or move listeners",
                  "restart to change addresses; nothing was changed now");
  }
  Result<relay::RelayConfig> relay = relay_options(config);
  if (!relay) return cannot(ExitCode::config, relay.error().message, "see `[[route]]`");
  auto verifiers = verifiers_of(config);
  if (!verifiers) return tl::unexpected(verifiers.error());
  Config before = config;
  {
    const std::lock_guard lock(deciding_mutex_);
    std::swap(deciding_, before);
    std::swap(listeners_, settings);
  }
  Started followed = follow_file(config.restrictions);
  if (!followed) {
    const std::lock_guard lock(deciding_mutex_);
    deciding_ = std::move(before);
    listeners_ = std::move(settings);
    return followed;
  }
  {
    // Sessions in hand stay with the policy they began with.
    const std::lock_guard lock(deciding_mutex_);
    scripts_.push_back(config.lua.runtime);
    scripts_.push_back(config.vsl.runtime);
  }
  outbound_->follow(std::make_shared<const relay::RelayConfig>(std::move(*relay)));
  authenticator_->set_verifiers(std::move(*verifiers));
  authenticator_->set_limits(auth_limits(config));
  if (config.queue != config_.queue ||
      config.webhooks.retry_schedule != config_.webhooks.retry_schedule) {
    telemetry::log::warning("config.needs_restart")
        .msg("[queue] and webhooks.retry_schedule take effect at the next start");
  }
  return followed;
}

std::size_t Instance::stop(std::chrono::milliseconds limit) {
  std::size_t cut = 0;
  const auto until = std::chrono::steady_clock::now() + limit;
  if (server_) cut = server_->drain(limit);
  if (outbound_) {
    outbound_->stop(std::max(std::chrono::milliseconds(0),
                             std::chrono::duration_cast<std::chrono::milliseconds>(
                                 until - std::chrono::steady_clock::now())));
  }
  if (http_) http_->stop();
  if (!control_.url.empty()) ::unlink(control_path(data_dir_).c_str());
  control_.url.clear();
  for (auto* pool : {auth_pool_.get(), source_pool_.get(), account_pool_.get(), disk_pool_.get(),
                     payload_pool_.get(), lookup_pool_.get(), queue_pool_.get()}) {
    if (pool != nullptr) pool->stop();
  }
  for (const auto& script : scripts_) {
    if (const auto running = script.lock()) running->stop();
  }
  if (server_) server_->halt();
  api_loop_.stop();
  if (api_thread_.joinable()) api_thread_.join();
  // What was put or settled is written first; its answers go to loops that have stopped.
  spool_.reset();
  name_servers_.reset();
  delivery_.reset();
  worlds_.clear();
  server_.reset();
  outbound_.reset();
  http_.reset();
  replay_port_.reset();
  trace_port_.reset();  // its reader, so that the last one to close the file tidies it
  traces_.reset();
  delivery_log_.reset();
  store_.reset();
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
  return cut;
}

}  // namespace postern::app
