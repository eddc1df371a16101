#include "serve/cluster_member.h"

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/version.h"
#include "cluster/advice.h"
#include "cluster/feed.h"
#include "cluster/moving.h"
#include "cluster/patroni.h"
#include "cluster/schema.h"
#include "cluster/shared_jobs.h"
#include "config/cluster_options.h"
#include "config/key_file.h"
#include "config/password_file.h"
#include "config/signals.h"
#include "deliver/webhook_delivery.h"
#include "serve/data_lock.h"
#include "spool/pgsql_inbox_schema.h"
#include "spool/pgsql_schema.h"
#include "store/pgsql_store_schema.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::app {

namespace {

/// So often is asked again about what lasts: a server that is set up at the same time.
constexpr int tries_of_what_lasts = 4;

void tell_of_waiting(const std::string& why, const std::string& to_do) {
  auto line = telemetry::log::warning("cluster.waiting");
  line.field("error", why);
  if (!to_do.empty()) line.msg(to_do);
}

/// What waits in the start, and ends with it.
cluster::Patience patience_of(std::chrono::milliseconds limit) {
  return {.limit = limit, .sleeps = sleep_until_end_asked};
}

void tell_of_loss(const std::string& missing) {
  if (missing.empty()) {
    telemetry::log::info("cluster.rolled_back").msg("the database is trusted again");
    return;
  }
  telemetry::log::error("cluster.rolled_back")
      .field("error", missing)
      .msg(
          "the primary is an older copy of itself: no mail is taken or delivered before "
          "`postern cluster accept-loss`, or before a host that has everything is back");
}

void tell_of_other(const std::string& name) {
  telemetry::log::error("cluster.replaced")
      .field("name", name)
      .msg(
          "another process has taken this name, perhaps one with a copy of this data directory, "
          "or the queue was moved away, while this gateway was not heard of; this one ends. Give "
          "each gateway its own `[cluster] node`, also one whose machine or data directory was "
          "copied");
}

void tell_of_heartbeat(const Error* away) {
  if (away == nullptr) return telemetry::log::database_answers();
  telemetry::log::store_error(*away);
}

void tell_of_parts(std::string_view how, const std::string& owner, std::size_t count) {
  auto line = telemetry::log::info("cluster.parts");
  line.field("count", count);
  if (!owner.empty()) line.field("name", owner);
  line.msg(how == "free"    ? "taken; nobody had them"
           : how == "dead"  ? "taken of a gateway that died"
           : how == "given" ? "given up"
                            : "lost: they are another's by now");
}

void tell_of_doubt(const spool::MessageId& id, const Error& error) {
  telemetry::log::warning("cluster.commit_unknown")
      .field("message_id", id)
      .field("error", error.message)
      .msg(
          "answered with 451, and may be stored: it is delivered then, and the client sends it "
          "again");
}

void tell_of_lease(const spool::RecipientKey& key) {
  telemetry::log::warning("cluster.lease_lost")
      .field("message_id", key.message)
      .msg("delivered, when the message was another gateway's or was dropped: it may come twice");
}

Result<void> look_at_patroni(const ClusterConfig& config) {
  const cluster::Patroni patroni = cluster::ask_patroni(config.patroni);
  for (const cluster::PatroniHost& one : patroni.hosts) {
    if (!one.version.empty()) continue;
    telemetry::log::warning("cluster.patroni").field("remote", one.url).field("error", one.trouble);
  }
  const std::string loss =
      cluster::loses_mail(patroni, config.patroni_protocol == PatroniProtocol::etcd3);
  return loss.empty() ? Result<void>() : fail(Fault::denied, loss);
}

Result<void> look(cluster::Database& database) {
  const auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  for (const cluster::Schema* schema : cluster_schemas()) {
    if (Result<void> there = cluster::expect(**session, *schema); !there) return there;
  }
  const Result<std::string> moving = cluster::why_moving(**session);
  if (!moving) return tl::unexpected(moving.error());
  return moving->empty() ? Result<void>() : fail(Fault::permanent, *moving);
}

}  // namespace

std::vector<const cluster::Schema*> cluster_schemas() {
  return {&cluster::node_schema(),      &spool::pgsql_spool_schema(), &store::pgsql_store_schema(),
          &cluster::limits_schema(),    &cluster::feed_schema(),      &cluster::moving_schema(),
          &spool::pgsql_inbox_schema(), &cluster::jobs_schema()};
}

Result<std::shared_ptr<const store::SecretSeal>> seal_of(const ClusterConfig& config) {
  if (config.seal_key_file.empty()) return nullptr;
  const Result<Secret> text = secrets_in(config.seal_key_file);
  if (!text) return tl::unexpected(text.error());
  auto seal = store::SecretSeal::of(*text);
  if (!seal) {
    return fail(seal.error().fault,
                fmt::format("`seal_key_file` {}: {}", config.seal_key_file, seal.error().message));
  }
  return std::make_shared<const store::SecretSeal>(std::move(*seal));
}

std::string node_name(const Config& config) {
  return config.cluster.node.empty() ? config.server.hostname : config.cluster.node;
}

admin::SharedRevisions shared_revisions(const Config& config, const std::string& data_dir) {
  if (config.cluster.database.empty()) return {};
  return {.memory = data_dir + "/lists.seen", .gateway = node_name(config)};
}

Result<void> mark_cluster(const std::string& data_dir) {
  return replace_key(cluster_mark(data_dir),
                     Secret("The queue is in the database of `[cluster]`.\n"));
}

Result<void> mark_moved(const std::string& data_dir, const std::string& where) {
  return replace_key(moved_mark(data_dir), Secret(where + "\n"));
}

std::string why_moved(const std::string& data_dir) {
  // Whoever can write in the directory may have put a link or a pipe there.
  constexpr std::size_t longest = 4096;
  const Descriptor file(
      ::open(moved_mark(data_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::string text(longest, '\0');
  const ssize_t size = file.is_open() ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(0, text.find('\n'));
}

Result<std::unique_ptr<cluster::Database>> reach_cluster(const Config& config,
                                                         std::chrono::milliseconds patience) {
  const auto options = cluster_options(config.cluster, true);
  if (!options) return tl::unexpected(options.error());
  if (Result<void> safe = look_at_patroni(config.cluster); !safe) {
    return tl::unexpected(safe.error());
  }
  auto database = cluster::Database::make(*options);
  if (!database) return tl::unexpected(database.error());
  const auto end = std::chrono::steady_clock::now() + patience;
  int lasting = 0;
  for (bool told = false;;) {
    const Result<void> there = look(**database);
    if (there) return std::move(*database);
    const Error& why = there.error();
    const bool may_pass = why.fault == Fault::unreachable || why.fault == Fault::denied;
    lasting = cluster::lasts(why) ? lasting + 1 : 0;
    if (!may_pass || lasting >= tries_of_what_lasts || std::chrono::steady_clock::now() >= end) {
      return tl::unexpected(why);
    }
    if (!told) tell_of_waiting(why.message, cluster::advice_on(why));
    told = true;
    if (!patience_of(patience).rest()) return tl::unexpected(why);
  }
}

Result<ClusterMember> join_cluster(const Config& config, std::chrono::milliseconds patience,
                                   cluster::Database& database) {
  ClusterMember member;
  const std::string name = node_name(config);
  const std::string of_the_host =
      config.cluster.node.empty() ? ", which is `server.hostname`, as `[cluster] node` is not set"
                                  : "";
  cluster::Patience waiting = patience_of(patience);
  waiting.waits = [&](const std::string& why) {
    tell_of_waiting(why + of_the_host, "waits until it has ended, or was silent for half a minute");
  };
  auto node =
      cluster::Node::join_in_turn(database,
                                  {.name = name,
                                   .version = std::string(current_version().number),
                                   .schemas = cluster::words_of(cluster_schemas()),
                                   .promised_file = promised_file(config.server.data_dir.string()),
                                   .lock_file = DataLock::file(config.server.data_dir.string()),
                                   .moved = tell_of_parts,
                                   .ends =
                                       [name](bool is_replaced) {
                                         if (is_replaced) tell_of_other(name);
                                         ::kill(::getpid(), SIGTERM);
                                       },
                                   .beaten = tell_of_heartbeat,
                                   .rolled_back = tell_of_loss},
                                  waiting);
  if (!node) {
    return fail(node.error().fault, node.error().message + of_the_host);
  }
  member.node = std::move(*node);
  // A move that began since: it has not seen this node, or waits for its end.
  if (Result<void> there = look(database); !there) return tl::unexpected(there.error());
  auto spool = spool::PgsqlSpool::open(database, *member.node,
                                       {.publish_wait = config.cluster.publish_wait,
                                        .commit_unknown = tell_of_doubt,
                                        .lease_lost = tell_of_lease});
  if (!spool) return tl::unexpected(spool.error());
  member.spool = std::move(*spool);
  member.limits = std::make_unique<cluster::SharedWindows>(
      database,
      cluster::SharedWindowsOptions{
          .now =
              [node = member.node.get()] {
                const auto now = std::chrono::system_clock::now() + node->offset();
                return std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch())
                    .count();
              },
          .nodes = [node = member.node.get()] { return node->counts().nodes; },
          .cleans = [node = member.node.get()] { return node->leads(); },
          .watched = {std::string(deliver::webhook_rate_kind)}});
  member.tries = std::make_unique<cluster::SharedTries>(
      database, cluster::SharedTriesOptions{
                    .nodes = [node = member.node.get()] { return node->counts().nodes; },
                    .cleans = [node = member.node.get()] { return node->leads(); }});
  // Without a part it would take no mail. Others give some away at their next heartbeat.
  constexpr std::chrono::seconds for_parts{15};
  for (const auto end = std::chrono::steady_clock::now() + for_parts;
       member.node->parts().empty() && std::chrono::steady_clock::now() < end;) {
    if (!patience_of(for_parts).rest()) break;
  }
  telemetry::log::info("cluster.joined")
      .field("name", name)
      .field("count", member.node->parts().size());
  return member;
}

}  // namespace postern::app
