#include "serve/instance.h"

#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "base/foreign_file.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/version.h"
#include "cluster/advice.h"
#include "config/descriptors.h"
#include "config/dnssec_report.h"
#include "config/relay_options.h"
#include "config/room_options.h"
#include "config/signals.h"
#include "gateway/consultation.h"
#include "policy/catalogue.h"
#include "serve/cluster_member.h"
#include "serve/queue_metrics.h"
#include "spool/pgsql_inbox.h"
#include "spool/sqlite_inbox.h"
#include "spool/sqlite_spool.h"
#include "store/pgsql_store.h"
#include "store/seal_store.h"
#include "store/sqlite_store.h"
#include "store/token_file.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t payload_queue = 1024;
/// What the service manager waits for one step of a migration.
constexpr std::chrono::microseconds longest_migration = std::chrono::minutes(15);
/// Longer than a command holds the databases.
constexpr std::chrono::seconds lock_patience{3};
/// How long the start waits for the primary of a cluster.
constexpr std::chrono::seconds cluster_patience{60};
/// Look-ups in databases: threads, which is also connections per table, and waiting jobs.
constexpr std::size_t lookup_threads = 4;
constexpr std::size_t lookup_queue = 256;
/// The same for accounts, so that a slow directory delays nothing else.
constexpr std::size_t source_threads = 8;
constexpr std::size_t source_queue = 128;

/// The end of a start that waited, which is no failure.
tl::unexpected<StartError> asked_to_end(const Error& waited) {
  return cannot(ExitCode::ok, "asked to end before it was ready: " + waited.message, "");
}

void start_metrics(const Config& config, std::vector<std::pair<std::string, std::string>> routes) {
  telemetry::MetricsSetup setup;
  setup.listeners.clear();
  for (const ListenerConfig& listener : config.listeners) setup.listeners.push_back(listener.name);
  for (const policy::Check* check : policy::checks::all()) setup.checks.emplace_back(check->name);
  for (const char* layer : {"restrictions", "lua", "vsl"}) setup.layers.emplace_back(layer, layer);
  setup.layers.emplace_back("auth", "auth");  // results of verifiers
  for (const std::string_view verifier : gateway::auth_check_names())
    setup.checks.emplace_back(verifier);
  setup.routes = std::move(routes);
  setup.version = current_version().number;
  setup.revision = current_version().revision;
  setup.compiler = current_version().compiler;
  telemetry::start_metrics(setup);
}

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

std::uint64_t memory_limit(const Config& config) {
  if (config.limits.memory != 0) return config.limits.memory;
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE)) / 4;
}

}  // namespace

Instance::Instance(const Config& config)
    : config_(config),
      data_dir_(config.server.data_dir.string()),
      deciding_(config),
      engine_(std::make_shared<policy::CurrentEngine>()),
      memory_(std::make_shared<MemoryBudget>(memory_limit(config))),
      lookup_pool_(std::make_unique<net::WorkPool>(lookup_threads, lookup_queue, "table")),
      tables_(std::make_shared<gateway::RemoteTables>(*lookup_pool_)),
      scripts_{config.lua.runtime, config.vsl.runtime} {
  charge_scripts(config);
}

void Instance::charge_scripts(const Config& config) const {
  for (const auto& runtime : {config.lua.runtime, config.vsl.runtime}) {
    if (runtime) runtime->charge_to(memory_);
  }
}

tl::expected<std::unique_ptr<Instance>, StartError> Instance::start(
    const Config& config, TestRecipients test_recipients, std::vector<PassedSocket> sockets,
    const std::function<Started()>& before_traffic) {
  std::unique_ptr<Instance> instance(new Instance(config));
  instance->test_recipients_ = test_recipients == TestRecipients::on;
  instance->sockets_ = std::move(sockets);
  for (const auto step :
       {&Instance::open_directory, &Instance::open_databases, &Instance::open_resolver,
        &Instance::open_delivery, &Instance::open_api, &Instance::open_listeners}) {
    if (Started started = ((*instance).*step)(); !started) {
      return tl::unexpected(started.error());
    }
  }
  if (before_traffic) {
    if (Started done = before_traffic(); !done) return tl::unexpected(done.error());
  }
  if (Started released = instance->release_public_domain(); !released) {
    return tl::unexpected(released.error());
  }
  instance->outbound_->start();
  instance->server_->start();
  instance->api_thread_ = named_thread("api", [raw = instance.get()] { raw->run_api_loop(); });
  instance->heartbeat_ = Heartbeat::start(
      [raw = instance.get()](const auto& turn) { raw->ask_loops(turn); },
      [raw = instance.get()] {
        return fmt::format("{} sessions, {} messages queued", raw->sessions(),
                           telemetry::metrics().spool_messages.gauge({"queued"}).value());
      });
  return instance;
}

void Instance::ask_loops(const std::shared_ptr<const void>& turn) {
  const auto ask = [&turn](boost::asio::io_context& loop) {
    boost::asio::post(loop, [turn] { (void)turn; });
  };
  for (std::size_t i = 0; i < server_->loops(); ++i) ask(server_->loop(i));
  ask(api_loop_);
  ask(outbound_->loop());
  // Whoever holds the lock may be compiling lists, which can take long.
  const std::unique_lock lock(deciding_mutex_, std::try_to_lock);
  if (!lock) return;
  for (const auto& script : scripts_) {
    if (const auto running = script.lock()) ask(running->loop());
  }
}

bool Instance::answers(std::chrono::milliseconds limit) {
  return loops_turn([this](const auto& turn) { ask_loops(turn); }, limit);
}

Instance::Started Instance::open_directory() {
  if (const Result<void> made = make_data_directory(data_dir_); !made) {
    return cannot(ExitCode::cannot_create, made.error().message,
                  "choose another with --data-dir DIR or `server.data_dir`");
  }
  std::error_code error;
  fs::permissions(data_dir_, fs::perms::owner_all, error);
  // Before anything is made there that its owner could not use.
  if (const std::string why = why_not_for_root(data_dir_ + "/postern.db"); !why.empty()) {
    return cannot(ExitCode::no_permission, "root does not serve " + data_dir_ + ": " + why,
                  "start it as the user to whom the directory belongs, or give all of it to root");
  }
  for (const char* name : {"/attachments", "/tmp", "/spool"}) {
    fs::create_directories(data_dir_ + name, error);
    if (error) {
      return cannot(ExitCode::cannot_create,
                    fmt::format("cannot create the data directory {}{}: {}", data_dir_, name,
                                error.message()),
                    "choose another with --data-dir DIR or `server.data_dir`");
    }
  }
  // A command may hold the lock briefly.
  auto lock = DataLock::take(data_dir_, lock_patience);
  if (!lock && lock.error().fault == Fault::conflict) {
    return cannot(ExitCode::try_again, lock.error().message,
                  "stop it first, or choose another with --data-dir DIR");
  }
  if (!lock) {
    return cannot(ExitCode::cannot_create, lock.error().message,
                  fmt::format("make it writable for uid {}, or choose another with --data-dir DIR",
                              ::getuid()));
  }
  lock_ = std::move(*lock);
  // Of a gateway that crashed, or of a backup: another program may have its port now.
  ::unlink(control_path(data_dir_).c_str());
  return {};
}

Instance::Started Instance::open_store() {
  const std::string control = data_dir_ + "/postern.db";
  if (!cluster_) {
    auto store = store::SqliteStore::open(control);
    if (!store) return database_error(control, store.error());
    store_ = std::move(*store);
  } else {
    auto seal = seal_of(config_.cluster);
    if (!seal) {
      return cannot(ExitCode::config, seal.error().message, "docs/cluster.md says what it holds");
    }
    auto store = store::PgsqlStore::open(*cluster_, {.seal = std::move(*seal)});
    if (!store && store.error().fault == Fault::denied) {
      return cannot(ExitCode::config, store.error().message, "docs/cluster.md, \"Secrets\"");
    }
    if (!store) return cluster_error(store.error());
    store_ = std::move(*store);
    std::error_code unreadable;
    if (fs::exists(control, unreadable)) {
      telemetry::log::warning("cluster.local_store")
          .field("path", control)
          .msg(
              "accounts, policies and webhooks are those of the cluster; this file is not used, "
              "and "
              "`postern cluster migrate` moves it into a cluster that has none");
    }
  }
  const LimitsConfig& limits = config_.limits;
  store_->limit_accounts({.policies = limits.account_policies,
                          .credentials = limits.account_credentials,
                          .webhooks = limits.account_webhooks,
                          .domains = limits.account_domains,
                          .octets = limits.account_octets});
  // Read before anything else: what is edited meanwhile is followed.
  const Result<std::uint64_t> head = store_->head();
  if (!head) return cluster_error(head.error());
  follow_from_ = *head;
  return {};
}

Instance::Started Instance::open_databases() {
  if (Started opened = open_spool(); !opened) return opened;
  if (Started opened = open_store(); !opened) return opened;
  if (cluster_ && config_.cluster.traces == ClusterTraces::database) {
    feeds_ = std::make_unique<ClusterFeeds>(node_name(config_));
  }

  const std::string delivery = data_dir_ + "/delivery.db";
  store::DeliveryLogOptions log_options;
  log_options.retention = std::chrono::duration_cast<std::chrono::hours>(config_.delivery_log.keep);
  log_options.max_size = config_.delivery_log.max_size;
  if (feeds_) log_options.telling = feeds_->deliveries();
  auto log = store::DeliveryLog::open(delivery, log_options);
  if (!log) return database_error(delivery, log.error());
  delivery_log_ = std::move(*log);

  if (Started opened = open_inboxes(); !opened) return opened;

  const std::string traces = data_dir_ + "/traces.db";
  store::TraceOptions trace_options;
  trace_options.keep = std::chrono::duration_cast<std::chrono::seconds>(config_.traces.keep);
  trace_options.max_size = config_.traces.max_size;
  if (feeds_) trace_options.telling = feeds_->traces();
  // Some migrations read all records: about a minute for 1 GiB on a slow disk.
  trace_options.migrates = [&](std::int64_t version, std::int64_t newest) {
    auto line = telemetry::log::info("store.upgrade");
    line.field("path", traces).field("version", version);
    if (version < newest) {
      tell_manager(fmt::format("EXTEND_TIMEOUT_USEC={}\nSTATUS=upgrading {}",
                               longest_migration.count(), traces));
      line.msg("the database of an older version is upgraded; this can take minutes");
    } else {
      line.msg("the database is upgraded");
    }
  };
  auto writer = store::TraceWriter::open(traces, trace_options);
  if (!writer && store::trace_key_trouble(traces) == writer.error().message) {
    return cannot(ExitCode::io, writer.error().message, "");
  }
  if (!writer) return database_error(traces, writer.error());
  traces_ = std::move(*writer);
  if (const auto& trouble = traces_->key_trouble()) {
    telemetry::log::warning("traces.key").field("path", traces).msg(*trouble);
  }
  if (feeds_) {
    const Result<void> begun = feeds_->begin({.database = *cluster_,
                                              .store = *store_,
                                              .traces = *traces_,
                                              .log = *delivery_log_,
                                              .watchers = trace_hub_,
                                              .cleans = [this] { return leads(); }});
    if (!begun) return cluster_error(begun.error());
  }

  publisher_ = std::make_unique<admin::Publisher>(*store_, directory_,
                                                  config_.webhooks.public_domain, &dkim_keys_);
  publisher_->on_unreadable([](const admin::Unreadable& one) {
    telemetry::log::error("store.unreadable")
        .field("name", one.id + " of " + one.account)
        .field("error", one.why)
        .msg("its mail is deferred, and no other: bring its row back from a backup, or delete it");
  });
  if (Result<void> loaded = publisher_->load(); !loaded) {
    return cluster_ ? cluster_error(loaded.error())
                    : database_error(data_dir_ + "/postern.db", loaded.error());
  }
  lists_ = std::make_unique<admin::RunningLists>(
      *store_, config_.server.hostname, [this](const admin::Lists& lists) { follow_lists(lists); });
  GuardrailDesk::Hold elsewhere;
  if (cluster_) {
    elsewhere = [this](GuardrailDesk::Until until) { return hold_edits_of_cluster(until); };
  }
  guardrails_ = std::make_unique<GuardrailDesk>(
      *store_, directory_, [this] { return deciding(); }, std::move(elsewhere));
  lists_->guard([this](const admin::Lists& lists) { return guardrails_->why_not(lists); });
  lists_->share(shared_revisions(config_, data_dir_));
  {
    const Result<std::shared_ptr<void>> held = hold_edits(config_);
    if (!held) return cannot(exit_code_of(held.error().fault), held.error().message, "try again");
    if (Started followed = follow_file(config_); !followed) return followed;
  }
  if (cluster_) move_own_inboxes();
  return open_links();
}

/// After all else that a start may fail at: what an account loses here it has to verify again.
Instance::Started Instance::release_public_domain() {
  const auto lost = publisher_->take_public_domain(store::now());
  if (!lost) {
    return cluster_ ? cluster_error(lost.error())
                    : database_error(data_dir_ + "/postern.db", lost.error());
  }
  if (*lost) {
    telemetry::log::warning("domain.public")
        .field("name", config_.webhooks.public_domain + " of " + **lost)
        .msg("the account that had verified it has lost it: it is webhooks.public_domain now");
  }
  return {};
}

spool::InboxOptions Instance::own_inboxes() const {
  spool::InboxOptions options = spool::InboxOptions::of(data_dir_);
  options.max_octets = config_.inbox.max_size;
  return options;
}

Instance::Started Instance::open_inboxes() {
  if (cluster_) {
    inbox_ = std::make_unique<spool::PgsqlInbox>(
        *cluster_, spool::PgsqlInboxOptions{.max_octets = config_.inbox.max_size,
                                            .publish_wait = config_.cluster.publish_wait});
    return {};
  }
  auto inbox = spool::Inbox::open(own_inboxes());
  if (!inbox) return database_error(own_inboxes().database, inbox.error());
  inbox_ = std::move(*inbox);
  return {};
}

/// What is behind links that were made before this gateway joined a cluster stays in its files.
Instance::Started Instance::open_links() {
  auto files = std::make_unique<AttachmentFiles>(*delivery_log_, data_dir_ + "/attachments",
                                                 config_.api.base_url());
  if (Result<void> swept = files->recover(); !swept) {
    return database_error(data_dir_ + "/delivery.db", swept.error());
  }
  if (!cluster_) {
    attachments_ = std::move(files);
    return {};
  }
  auto linked = std::make_unique<ClusterAttachments>(*cluster_, data_dir_, config_.api.base_url());
  linked_ = linked.get();
  attachments_ = std::move(linked);
  return {};
}

/// Messages that were put into inboxes before this gateway joined its cluster.
void Instance::move_own_inboxes() {
  Result<std::uint64_t> moved = 0;
  if (auto own = spool::SqliteInbox::open(own_inboxes())) {
    const auto limits = [this](const std::string& id) {
      const auto webhook = directory_.webhook(id);
      return webhook ? std::optional(webhook->inbox) : std::nullopt;
    };
    moved = spool::move_inboxes(**own, *inbox_, limits, data_dir_);
  } else {
    moved = tl::unexpected(own.error());
  }
  if (moved && *moved == 0) return;
  if (moved) {
    telemetry::log::info("cluster.inbox")
        .field("count", *moved)
        .msg("messages of this machine's inboxes are in those of the cluster now");
    return;
  }
  telemetry::log::warning("cluster.inbox")
      .field("error", moved.error().message)
      .msg("messages of this machine's inboxes stay here until a start moves them");
}

Instance::Started Instance::cluster_error(const Error& error) {
  const std::string known = cluster::advice_on(error);
  const auto or_else = [&](const char* to_do) { return known.empty() ? to_do : known; };
  switch (error.fault) {
    case Fault::not_found:
      return cannot(ExitCode::config, error.message,
                    "make them once, as the owner of the database: `postern cluster init`");
    case Fault::conflict:
      return cannot(ExitCode::config, error.message, "install the newer Postern");
    case Fault::denied:
      return cannot(ExitCode::config, error.message,
                    or_else("docs/cluster.md, \"What is checked\""));
    case Fault::malformed:
    case Fault::permanent:
      return cannot(ExitCode::config, error.message, or_else("correct `[cluster]`"));
    case Fault::temporary:
      return cannot(ExitCode::try_again, error.message,
                    "give each gateway its own name, `[cluster] node`; a gateway that died "
                    "elsewhere gives its name free after half a minute");
    default:
      return cannot(cluster::lasts(error) ? ExitCode::config : ExitCode::try_again, error.message,
                    or_else("see that its primary is up and reachable from this machine"));
  }
}

/// Mail in the queue of this machine would wait for ever beside that of a cluster.
Instance::Started Instance::no_local_queue() const {
  const std::string directory = data_dir_ + "/spool";
  const std::string path = directory + "/spool.db";
  if (fs::exists(path)) {
    auto local = spool::SqliteSpool::open({.directory = directory});
    if (!local) return database_error(path, local.error());
    const auto waiting = (*local)->list({}, "", 1);
    if (!waiting) return database_error(path, waiting.error());
    if (!waiting->empty()) {
      return cannot(ExitCode::config,
                    fmt::format("messages wait in the queue of this machine, {}", path),
                    "move them into the cluster: `postern cluster migrate`; or serve without "
                    "`[cluster]` until `postern queue list` is empty");
    }
  }
  if (const Result<void> marked = mark_cluster(data_dir_); !marked) {
    return cannot(ExitCode::cannot_create, marked.error().message, "");
  }
  return {};
}

/// What keeps this gateway out of its cluster, found before others give up parts for it.
Instance::Started Instance::may_join() {
  const auto seal = seal_of(config_.cluster);
  if (!seal) {
    return cannot(ExitCode::config, seal.error().message, "docs/cluster.md says what it holds");
  }
  const auto session = cluster_->connect();
  if (!session) return cluster_error(session.error());
  if (const Result<void> known = store::check_seal(**session, seal->get()); !known) {
    return known.error().fault == Fault::denied
               ? cannot(ExitCode::config, known.error().message, "docs/cluster.md, \"Secrets\"")
               : cluster_error(known.error());
  }
  const std::string path = data_dir_ + "/postern.db";
  std::error_code unreadable;
  if (!fs::exists(path, unreadable)) return {};
  // Their webhooks would take no mail any more.
  const auto local = store::SqliteStore::open(path);
  if (!local) return database_error(path, local.error());
  const auto accounts = (*local)->accounts({.limit = 1});
  if (!accounts) return database_error(path, accounts.error());
  if (accounts->rows.empty()) return {};
  const auto others = (*session)->run({.sql = "SELECT EXISTS (SELECT FROM account)", .values = {}},
                                      cluster::Clock::now() + cluster::answer_limit);
  if (!others) {
    return cluster_error({Fault::unreachable, "PostgreSQL: " + others.error().message});
  }
  if (others->boolean(0, 0)) return {};
  return cannot(
      ExitCode::config,
      fmt::format("the accounts of this machine are in {}, and the cluster has none", path),
      "move them into the cluster: `postern cluster migrate`; to begin anew, put the "
      "file aside");
}

Instance::Started Instance::open_spool() {
  if (config_.cluster.database.empty()) {
    if (const std::string where = why_moved(data_dir_); !where.empty()) {
      return cannot(ExitCode::config, "the queue and the accounts of " + data_dir_ + " " + where,
                    "set `[cluster]`, or bring them back: `postern cluster migrate --back`");
    }
    auto spool = spool::SqliteSpool::open({.directory = data_dir_ + "/spool"});
    if (!spool) return database_error(data_dir_ + "/spool/spool.db", spool.error());
    spool_ = std::move(*spool);
    std::error_code ignored;
    fs::remove(cluster_mark(data_dir_), ignored);
    return {};
  }
  tell_manager(fmt::format("EXTEND_TIMEOUT_USEC={}\nSTATUS=waiting for the cluster's database",
                           std::chrono::microseconds(2 * cluster_patience).count()));
  auto database = reach_cluster(config_, cluster_patience);
  if (!database && is_end_asked()) return asked_to_end(database.error());
  if (!database) return cluster_error(database.error());
  cluster_ = std::move(*database);
  // After the database has said that its mail was moved here.
  if (Started empty = no_local_queue(); !empty) return empty;
  if (Started fit = may_join(); !fit) return fit;
  auto member = join_cluster(config_, cluster_patience, *cluster_);
  if (!member && is_end_asked()) return asked_to_end(member.error());
  if (!member) return cluster_error(member.error());
  node_ = std::move(member->node);
  limits_ = std::move(member->limits);
  tries_ = std::move(member->tries);
  spool_ = std::move(member->spool);
  return {};
}

Instance::Started Instance::open_resolver() {
  net::UnboundOptions options = resolver_options(config_);
  options.on_change = [this](const net::DnssecState& state) {
    // An answer that was insecure may now be secure, before its TTL ends.
    resolver_->forget();
    log_dnssec(config_, state);
  };
  auto resolver = net::UnboundResolver::open(api_loop_.get_executor(), std::move(options));
  if (!resolver) {
    return cannot(ExitCode::config, "DNS: " + resolver.error().message, "see `[dns]`");
  }
  name_servers_ = std::move(*resolver);
  metered_ = std::make_unique<MeteredResolver>(*name_servers_);
  resolver_ = std::make_unique<dns::CachingResolver>(*metered_);
  return {};
}

Instance::Started Instance::open_delivery() {
  const AuthConfig& auth = config_.auth;
  const std::size_t hashers =
      auth.workers != 0 ? auth.workers : std::max<std::size_t>(1, cores() / 2);
  auth_pool_ = std::make_unique<net::WorkPool>(
      hashers, auth.queue, "password",
      net::Shares{.account = auth.account_share, .client = auth.client_share});
  payload_pool_ = std::make_unique<net::WorkPool>(cores(), payload_queue, "payload");
  heavy_pool_ = std::make_unique<net::WorkPool>(std::max<std::size_t>(1, cores() / 2),
                                                payload_queue, "large-payload");
  resources_ = std::make_unique<gateway::Resources>(
      *memory_, data_dir_, divide_descriptors(config_, descriptor_limit()).work);
  sightings_ = std::make_unique<gateway::SignatureSightings>(*memory_);
  admission_ = std::make_unique<gateway::Admission>(
      gateway::AdmissionLimits{.sessions = config_.limits.sessions,
                               .sessions_per_address = config_.limits.sessions_per_address,
                               .new_sessions_per_minute = config_.limits.new_sessions_per_minute,
                               .exempt = config_.limits.exempt_networks,
                               .shared = limits_.get()});
  source_pool_ = std::make_unique<net::WorkPool>(source_threads, source_queue, "auth-source");
  const Result<Secret> own_key = store::token_file(data_dir_ + "/scram.key");
  if (!own_key) return cannot(ExitCode::cannot_create, own_key.error().message, "");
  // One for all gateways of a cluster: a name with another salt at each would have no account.
  const Result<Secret> salt_key = store_->server_secret("scram", *own_key);
  if (!salt_key) {
    return cluster_ ? cluster_error(salt_key.error())
                    : database_error(data_dir_ + "/postern.db", salt_key.error());
  }
  authenticator_ = std::make_unique<gateway::Authenticator>(auth_limits(config_),
                                                            salt_key->reveal(), tries_.get());
  auto verifiers = verifiers_of(config_);
  if (!verifiers) return tl::unexpected(verifiers.error());
  authenticator_->set_verifiers(std::move(*verifiers));

  deliver::DeliveryOptions options = delivery_options(config_);
  options.payload.store = attachments_.get();
  options.test_recipients = test_recipients_;
  delivery_ = std::make_unique<deliver::WebhookDelivery>(
      deliver::DeliveryServices{directory_, *resolver_, *payload_pool_, *heavy_pool_, rates_,
                                limits_.get(), *delivery_log_, *inbox_, *memory_},
      options);
  Result<relay::RelayConfig> relay = relay_options(config_);
  if (!relay) return cannot(ExitCode::config, relay.error().message, "see `[[route]]`");
  relay->tables = route_tables_of(config_);
  const std::string& kept =
      relay->routes.find("postmaster", config_.server.hostname, relay::any_sender).path;
  if (kept == postmaster_folder(config_)) {
    telemetry::log::info("server.postmaster")
        .field("path", kept)
        .msg("mail to <postmaster> is kept here; a [[route]] may say where it goes instead");
  }
  outbound_ = Outbound::make(config_, data_dir_,
                             std::make_shared<const relay::RelayConfig>(std::move(*relay)),
                             {*delivery_, directory_, *spool_, dkim_keys_, *resolver_,
                              *payload_pool_, *publisher_, [this] { return rules_are_recent(); }});
  follow_verification();
  recorder_ = std::make_unique<Recorder>(*delivery_log_, *traces_, &trace_hub_);
  recorder_->watch(trace_watch_);
  rate_probe_ = std::make_unique<WebhookRates>(rates_, limits_.get());
  services_ = std::make_unique<gateway::Services>(gateway::Services{
      directory_, *authenticator_, outbound_->sink(), *recorder_, *rate_probe_, *resources_,
      *resolver_, authentication_, *sightings_, operators_of(config_)});
  server_ = std::make_unique<gateway::Server>(
      config_.server.threads != 0 ? config_.server.threads : cores(), *services_, *admission_);
  return {};
}

namespace {

/// A port that another program has needs a person, so that a service manager does not try again;
/// an address that the machine lacks may come with its network.
ExitCode listen_code(const Error& error) {
  switch (error.fault) {
    case Fault::denied:
      return ExitCode::no_permission;
    case Fault::conflict:
      return ExitCode::config;
    default:
      return ExitCode::unavailable;
  }
}

}  // namespace

Instance::Started Instance::open_listener(
    ListenerConfig& listener, std::shared_ptr<const gateway::ListenerSettings> settings) {
  if (const std::string& name = listener.address.passed; !name.empty()) {
    const Result<void> taken = server_->listen(descriptors_of(sockets_, name), std::move(settings));
    if (!taken) {
      return cannot(
          ExitCode::os,
          fmt::format("cannot listen on the socket `systemd:{}`: {}", name, taken.error().message),
          "");
    }
    return {};
  }
  const auto port = server_->listen({.ip = listener.address.address, .port = listener.address.port},
                                    std::move(settings));
  if (!port) {
    return cannot(
        listen_code(port.error()),
        fmt::format("cannot listen for SMTP on {}: {}", listener.address.to_string(),
                    port.error().message),
        port.error().fault == Fault::denied && listener.address.port < 1024
            ? "ports below 1024 need the capability CAP_NET_BIND_SERVICE: "
              "`AmbientCapabilities=CAP_NET_BIND_SERVICE` in the unit, or `setcap "
              "cap_net_bind_service=+ep` on the program; or choose another port with --smtp "
              "ADDRESS:PORT"
            : "stop what uses the port, or choose another with --smtp ADDRESS:PORT");
  }
  listener.address.port = *port;  // 0 in the file: the system picked one
  return {};
}

/// Addresses are opened last: a client that connects finds everything ready.
Instance::Started Instance::open_listeners() {
  start_metrics(config_, api_->routes());
  certificate_stamp_ = certificate_stamp_of(deciding_);
  // For the first STATUS=; later rounds of housekeeping. A cluster's may take seconds to count.
  if (!node_) (void)show_queue(*spool_);
  for (ListenerConfig& listener : config_.listeners) {
    ListenerResult settings = listener_settings(listener, deciding_);
    if (!settings) return tl::unexpected(settings.error());
    listeners_.push_back(*settings);
    note_certificate(nullptr, **settings);
    if (Started opened = open_listener(listener, *settings); !opened) return opened;
  }
  admin::AdminApi* handler = api_.get();
  http_ = std::make_unique<net::HttpServer>(
      api_loop_,
      [handler](net::HttpRequest request) { return handler->handle(std::move(request)); },
      http_limits(config_),
      [handler](const net::HttpRequest& head) { return handler->refuse_large_body(head); });
  const auto port = config_.api.address.passed.empty()
                        ? http_->listen(config_.api.address.to_string())
                        : http_->listen(descriptors_of(sockets_, config_.api.address.passed));
  if (!port) {
    return cannot(listen_code(port.error()),
                  fmt::format("cannot listen for the API on {}: {}",
                              config_.api.address.to_string(), port.error().message),
                  "stop what uses the port, or choose another with --api ADDRESS:PORT");
  }
  config_.api.address.port = *port;
  control_.url = control_url(config_.api.address);
  if (auto written = write_control(control_path(data_dir_), control_); !written) {
    return cannot(ExitCode::cannot_create, written.error().message, "");
  }
  return {};
}

}  // namespace postern::app
