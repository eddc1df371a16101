// The part of an Instance that decides on mail and can change while it runs.
#include <algorithm>
#include <csignal>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <boost/json/object.hpp>

#include "base/text.h"
#include "cluster/edit_bell.h"
#include "config/engine.h"
#include "config/listener_certificate.h"
#include "config/relay_options.h"
#include "config/restart.h"
#include "config/room_options.h"
#include "config/route_tables.h"
#include "config/signals.h"
#include "config/verification_options.h"
#include "dialect/kumo/rewriter.h"
#include "dialect/restrictions/layer.h"
#include "serve/instance.h"
#include "telemetry/log.h"

namespace postern::app {

Config Instance::deciding() {
  const std::lock_guard lock(deciding_mutex_);
  return deciding_;
}

replay::Draft Instance::draft_of(const std::optional<admin::Lists>& lists) {
  Config draft = deciding();
  if (lists) draft.restrictions = restrictions_of(*lists);
  return {engine_for(draft), authentication_options(draft)};
}

/// For `postern plan` (cli/plan_versions.cc).
Result<boost::json::object> Instance::running() {
  const auto source = source_.load();
  const Config now = deciding();
  boost::json::object answer{{"file", source ? source->file : ""},
                             {"text", source ? source->text : ""},
                             {"engine", engine_for(now).definition()},
                             {"lists", nullptr}};
  if (now.restrictions.present) {
    const auto* loaded = now.restrictions.loaded();
    answer["lists"] =
        boost::json::object{{"section", dialect::restrictions::to_json(now.restrictions.section)},
                            {"definition", loaded != nullptr ? loaded->definition : ""}};
  }
  return answer;
}

void Instance::follow_lists(const admin::Lists& lists) {
  const std::lock_guard lock(deciding_mutex_);
  deciding_.restrictions = restrictions_of(lists);
  tables_->replace(remote_tables(deciding_));
  follow_verification();
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

constexpr std::size_t route_threads = 2;
constexpr std::size_t route_jobs = 200;

std::shared_ptr<relay::RouteTables> Instance::route_tables_of(const Config& config) {
  auto opened = open_route_tables(config, [&](std::size_t route, std::string trouble) {
    telemetry::log::error("route.trouble")
        .field("route", fmt::format("{}", fmt::join(config.routes[route].match, ", ")))
        .field("error", trouble);
  });
  const bool any = std::ranges::any_of(
      config.routes, [](const RouteConfig& route) { return !route.tables.empty(); });
  if (!any) return nullptr;
  if (!route_pool_) {
    route_pool_ = std::make_unique<net::WorkPool>(route_threads, route_jobs, "route-table");
  }
  return std::make_shared<RouteTables>(std::move(opened), *route_pool_);
}

void Instance::follow_verification() {
  if (!outbound_) return;  // at the start, before there is a queue
  outbound_->addresses().use(verification_of(deciding_.restrictions),
                             !deciding_.restrictions.section.shadow);
}

/// The kinds of the triggers in pgsql_store_schema.cc; `access` is told by the store.
constexpr std::string_view kinds_of_edits[] = {"access", "policy", "webhook",      "domain",
                                               "dkim",   "lists",  "signing_seed", "signing_key"};

/// Another gateway of the cluster has edited something, or this one.
Result<void> Instance::follow(const store::Change& edit) {
  for (const store::Change::Key& key : edit.keys) {
    if (std::ranges::find(kinds_of_edits, key.kind) != std::end(kinds_of_edits)) continue;
    if (met_unknown_edit_.exchange(true)) continue;
    telemetry::log::error("cluster.unknown_edit")
        .field("name", key.kind)
        .field("version", edit.number)
        .msg("a newer gateway edits what this version does not know: upgrade this one");
  }
  if (Result<void> done = publisher_->follow(edit); !done) return done;
  const auto names = [&](std::string_view kind) {
    return std::ranges::any_of(edit.keys, [&](const auto& key) { return key.kind == kind; });
  };
  if (names("lists")) {
    const Result<void> done = lists_->follow_store();
    const bool refused =
        !done && (done.error().fault == Fault::malformed || done.error().fault == Fault::denied);
    if (!done && !refused) return done;
    if (!done) {
      telemetry::log::error("lists.unusable")
          .field("error", done.error().message)
          .msg("the restriction lists before them stay in force on this gateway");
    }
  }
  return names("signing_key") ? api_->follow_keys() : Result<void>();
}

void Instance::follow_cluster() {
  follower_ = std::make_unique<admin::Follower>(
      follow_from_, admin::Follower::Hooks{
                        .read = [this](std::uint64_t after,
                                       std::size_t limit) { return store_->changes(after, limit); },
                        .apply = [this](const store::Change& edit) { return follow(edit); },
                        .applied = [this](std::uint64_t number) { return applied_->note(number); },
                        .wait = [bell = std::make_shared<cluster::EditBell>(*cluster_)](
                                    auto longest) { bell->wait(longest); },
                        .lost =
                            [this] {
                              begins_anew_ = true;
                              ::kill(::getpid(), SIGTERM);
                            }});
}

/// Edits that guardrails have to be proved for are made by one gateway at a time, which has applied
/// what the others have edited.
Result<std::shared_ptr<void>> Instance::hold_edits_of_cluster(
    std::chrono::steady_clock::time_point until) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause{10};
  auto connected = cluster_->connect();
  if (!connected) return tl::unexpected(connected.error());
  const std::shared_ptr<net::PgsqlSession> session = std::move(*connected);
  // The lock is the session's, and ends with it.
  for (;; std::this_thread::sleep_for(pause)) {
    const auto locked = session->run({.sql = "SELECT pg_try_advisory_lock(7310)", .values = {}},
                                     cluster::Clock::now() + cluster::answer_limit);
    if (!locked) return fail(Fault::unreachable, "PostgreSQL: " + locked.error().message);
    if (locked->boolean(0, 0)) break;
    if (Clock::now() < until && !is_end_asked()) continue;
    return fail(Fault::temporary,
                "another gateway proves the guardrails for an edit or a reload: try again");
  }
  const Result<std::uint64_t> head = store_->head();
  if (!head) return tl::unexpected(head.error());
  while (follower_ && follower_->applied() < *head) {
    if (Clock::now() >= until || is_end_asked()) {
      return fail(Fault::temporary, "edits of other gateways are not applied yet: try again");
    }
    std::this_thread::sleep_for(pause);
  }
  return session;
}

Result<std::shared_ptr<void>> Instance::hold_edits(const Config& config) {
  // Longer than another gateway's proof of all sentences: all may be told to reload at once.
  constexpr std::chrono::seconds longest{60};
  return guardrails_->hold(longest, config.guardrails != nullptr);
}

/// An edit elsewhere may have taken a right away that this gateway would go on to give.
Result<void> Instance::rules_are_recent() const {
  if (!follower_ || follower_->behind() <= config_.cluster.serve_stale) return {};
  return fail(Fault::unreachable,
              "edits of other gateways cannot be read for longer than `serve_stale`");
}

Instance::Started Instance::follow_file(const Config& config, admin::ListsOver over) {
  const RestrictionsConfig& restrictions = config.restrictions;
  const auto section = restrictions.present ? std::optional(restrictions.section) : std::nullopt;
  const Result<void> followed =
      lists_->follow_file(section, restrictions.judged, request_files(config, data_dir_), over);
  if (followed) return {};
  if (followed.error().fault == Fault::denied) {
    return cannot(ExitCode::config, followed.error().message,
                  "correct the rule that decides, or the sentence: `postern help guardrails`");
  }
  if (followed.error().fault != Fault::malformed) {
    return database_error(data_dir_ + "/postern.db", followed.error());
  }
  return cannot(ExitCode::config, followed.error().message,
                "correct what its tables lack, or write the lists into [restrictions]: a changed "
                "section replaces them");
}

Instance::ListenerResult Instance::listener_settings(const ListenerConfig& listener,
                                                     const Config& config) const {
  auto settings = std::make_shared<gateway::ListenerSettings>(session_settings(listener, config));
  settings->body_directory = data_dir_ + "/tmp";
  settings->engine = engine_;
  settings->tables = tables_;
  settings->addresses = &outbound_->addresses();
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
  auto clients = client_check_of(listener);
  if (!clients) return cannot(ExitCode::config, clients.error().message, "");
  settings->clients = *clients;
  if (!listener.started) return settings;
  for (const auto& variant : listener.started->variants) {
    ListenerResult made = listener_settings(started_by(*variant.as), config);
    if (!made) return made;
    settings->variants.push_back({.peer = variant.peer, .via = variant.via, .settings = *made});
  }
  return settings;
}

namespace {

/// Guardrails that one configuration has, and the next one has not.
std::vector<std::string> removed_guardrails(const Config& before, const Config& after) {
  std::vector<std::string> notes;
  if (!before.guardrails) return notes;
  for (const Guardrail& one : before.guardrails->sentences) {
    const bool is_kept = after.guardrails &&
                         std::ranges::find(after.guardrails->sentences, one.name,
                                           &Guardrail::name) != after.guardrails->sentences.end();
    if (!is_kept) notes.push_back(fmt::format("the guardrail `{}` is gone", printable(one.name)));
  }
  return notes;
}

}  // namespace

/// The data directory stays, even if the changed file names another one.
tl::expected<Reloaded, StartError> Instance::reload(const Config& config, admin::ListsOver over) {
  const std::lock_guard one_at_a_time(certificates_mutex_);
  std::string stamp = certificate_stamp_of(config);
  std::vector<std::shared_ptr<const gateway::ListenerSettings>> settings;
  for (const ListenerConfig& listener : config.listeners) {
    ListenerResult made = listener_settings(listener, config);
    if (!made) return tl::unexpected(made.error());
    settings.push_back(*made);
  }
  const auto now = settings;
  const bool same_addresses = std::equal(
      config.listeners.begin(), config.listeners.end(), config_.listeners.begin(),
      config_.listeners.end(),
      [](const ListenerConfig& a, const ListenerConfig& b) { return a.address == b.address; });
  if (!same_addresses) {
    std::vector<std::string> addresses;
    for (const ListenerConfig& one : config_.listeners)
      addresses.push_back(one.address.to_string());
    return cannot(
        ExitCode::config,
        fmt::format("a reload cannot add, remove or move listeners: those that run are {}",
                    fmt::join(addresses, ", ")),
        "restart to change addresses; nothing was changed now");
  }
  Result<relay::RelayConfig> relay = relay_options(config);
  if (!relay) return cannot(ExitCode::config, relay.error().message, "see `[[route]]`");
  relay->tables = route_tables_of(config);
  auto verifiers = verifiers_of(config);
  if (!verifiers) return tl::unexpected(verifiers.error());
  // An edit that was proved under the lists before may not come into force under those after.
  const Result<std::shared_ptr<void>> held = hold_edits(config);
  if (!held) {
    return cannot(exit_code_of(held.error().fault), held.error().message, "reload again");
  }
  Config before = config;
  {
    const std::lock_guard lock(deciding_mutex_);
    std::swap(deciding_, before);
    std::swap(listeners_, settings);
  }
  Started followed = follow_file(config, over);
  if (!followed) {
    const std::lock_guard lock(deciding_mutex_);
    deciding_ = std::move(before);
    listeners_ = std::move(settings);
    return tl::unexpected(followed.error());
  }
  for (std::size_t i = 0; i < settings.size(); ++i) note_certificate(settings[i].get(), *now[i]);
  certificate_troubles_.clear();
  certificate_stamp_ = std::move(stamp);  // a refused reload leaves changed files to be noticed
  charge_scripts(config);
  {
    // Open sessions keep their policy.
    const std::lock_guard lock(deciding_mutex_);
    std::erase_if(scripts_, [](const auto& script) { return script.expired(); });
    scripts_.push_back(config.lua.runtime);
    scripts_.push_back(config.vsl.runtime);
  }
  outbound_->follow(std::make_shared<const relay::RelayConfig>(std::move(*relay)));
  authenticator_->set_verifiers(std::move(*verifiers));
  authenticator_->set_limits(auth_limits(config));
  Config read = config;
  std::vector<std::string> waiting = keys_that_wait(config_, read);
  for (const std::string& key : waiting) {
    telemetry::log::warning("config.needs_restart")
        .msg(key + " was changed; not all parts use the new value before the next start");
  }
  Reloaded done{.waiting = std::move(waiting), .notes = removed_guardrails(before, config)};
  const store::ListRevisionRow lists = lists_->current()->row;
  if (lists.source != store::ListRevisionRow::Source::file) {
    done.notes.push_back(fmt::format(
        "the restriction lists of revision {}, set through the API, stay in force, as those of the "
        "file have not changed; `postern reload --lists-of-file` brings these into force",
        lists.revision));
  }
  return done;
}

}  // namespace postern::app
