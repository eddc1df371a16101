#include "doctor/cluster_checks.h"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "cluster/advice.h"
#include "cluster/lease.h"

namespace postern::doctor {
namespace {

/// Sessions of a gateway at most: 9 of the queue, 3 of the control plane, 4 of inboxes, 2 of
/// attachments, 2 of feeds, and one each of the heartbeat, windows, tries, edits, jobs and the
/// bell.
constexpr std::int64_t sessions_of_a_node = 27;
/// Of the operators and the server itself.
constexpr std::int64_t other_sessions = 20;
/// Of the WAL, in octets, that is used again and not made anew: some seconds of full load.
constexpr std::int64_t enough_wal = std::int64_t{1} << 30;
constexpr std::chrono::milliseconds largest_offset{2000};
constexpr std::chrono::milliseconds longest_lag{5000};

/// Whether a commit may be told that this one has it: an asynchronous one tells nobody.
bool acknowledges(const cluster::Standby& one) {
  return one.state == "streaming" && one.sync != "async";
}

/// How many standbys a commit waits for: "ANY 2 (a, b, c)", "FIRST 2 (a, b)", "2 (a, b)"; one in
/// each other form (PostgreSQL's documentation, §20.6.2).
std::int64_t waited_for(std::string_view names) {
  for (const std::string_view word : {"any ", "first "}) {
    if (lower(names.substr(0, word.size())) == word) names.remove_prefix(word.size());
  }
  const std::size_t digits = names.find_first_not_of("0123456789");
  return static_cast<std::int64_t>(parse_number(names.substr(0, digits)).value_or(1));
}

void check_standbys(const cluster::Facts& facts, bool allow_one_copy, Findings& found) {
  const auto count = std::ranges::count_if(facts.standbys, acknowledges);
  const std::int64_t wanted = waited_for(facts.standby_names);
  const auto hidden = std::ranges::count(facts.standbys, std::string(), &cluster::Standby::state);
  if (facts.standby_names.empty()) {
    found.push_back(finding(allow_one_copy ? Level::warn : Level::fail, "standby",
                            "synchronous_standby_names is empty: a commit is on one disk only",
                            "let Patroni set it (synchronous_mode: quorum), with two standbys"));
    return;
  }
  if (hidden > 0) {
    found.push_back(finding(Level::note, "standby",
                            facts.standbys.size() == 1
                                ? "1 standby is connected; its state is not shown to this role"
                                : fmt::format("{} standbys are connected; their state is not shown "
                                              "to this role",
                                              facts.standbys.size()),
                            "as a superuser: GRANT pg_read_all_stats TO the gateways' role"));
  } else if (count < wanted) {
    found.push_back(finding(Level::fail, "standby",
                            count == 0
                                ? std::string("no standby streams: every commit waits, and mail "
                                              "is held")
                                : fmt::format("a commit waits for {} standbys, and {} "
                                              "stream{}: mail is held",
                                              wanted, count, count == 1 ? "s" : ""),
                            "start a standby; `patronictl list` shows why none follows"));
  } else if (count == wanted) {
    found.push_back(finding(
        Level::warn, "standby",
        wanted == 1 ? std::string("one standby streams: if it fails, every commit waits")
                    : fmt::format("{} standbys stream, and a commit waits for all: if one fails, "
                                  "every commit waits",
                                  count),
        wanted == 1 ? "run two standbys" : "run one standby more, or let commits wait for fewer"));
  } else {
    found.push_back(finding(Level::ok, "standby", fmt::format("{} standbys stream", count)));
  }
  for (const cluster::Standby& one : facts.standbys) {
    if (!one.flush_lag || *one.flush_lag <= longest_lag) continue;
    found.push_back(finding(Level::warn, "standby",
                            fmt::format("{} is {:.1f} s behind", one.name,
                                        static_cast<double>(one.flush_lag->count()) / 1000),
                            "look at its disk and at the network to it"));
  }
  if (facts.idle_slots > 0) {
    found.push_back(finding(
        Level::warn, "standby",
        fmt::format("{} replication slots keep WAL for nobody: the disk fills", facts.idle_slots),
        "start their standbys, or drop them (pg_replication_slots)"));
  }
}

void check_session(const cluster::Facts& facts, Findings& found) {
  if (!facts.has_tls && !facts.is_local) {
    found.push_back(finding(Level::fail, "tls", "the session with the database has no TLS",
                            "`hostssl` alone in pg_hba.conf, and sslmode=verify-full"));
  } else {
    found.push_back(
        finding(Level::ok, "tls", facts.has_tls ? "the session has TLS" : "the session is local"));
  }
  if (!facts.rights.empty()) {
    found.push_back(finding(Level::warn, "rights",
                            fmt::format("the role has more rights than gateways need: {}",
                                        fmt::join(facts.rights, ", ")),
                            "use two roles: docs/cluster.md, \"Set it up\""));
  }
  const auto offset = std::chrono::abs(facts.offset);
  if (offset > largest_offset) {
    found.push_back(finding(Level::warn, "clock",
                            fmt::format("the clock of the database differs by {:.1f} s",
                                        static_cast<double>(facts.offset.count()) / 1000),
                            "run an NTP client on both machines"));
  }
}

/// "1 gateway", "2 gateways".
std::string count_of(std::int64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// Whether commits wait for a standby, and heartbeats with them.
bool do_commits_wait(const cluster::Facts& facts) {
  return !facts.standby_names.empty() &&
         std::ranges::none_of(facts.standbys, [](const cluster::Standby& one) {
           return acknowledges(one) || one.state.empty();
         });
}

void check_members(const cluster::Facts& facts, Findings& found) {
  std::set<std::string> versions;
  std::int64_t live = 0;
  for (const cluster::Member& one : facts.members.nodes) {
    if (one.is_dead) continue;
    ++live;
    versions.insert(one.version);
  }
  if (!facts.moved.empty()) {
    found.push_back(finding(Level::fail, "nodes", "no gateway starts here: " + facts.moved,
                            cluster::advice_on({Fault::permanent, facts.moved})));
  } else if (!facts.lacks.empty()) {
    found.push_back(finding(
        Level::fail, "copy",
        "the database is an older copy of itself, and no mail is taken or delivered: " +
            facts.lacks,
        "look for a host that has everything; if there is none, `postern cluster accept-loss`"));
  } else if (facts.members.without_owner > 0 && do_commits_wait(facts)) {
    found.push_back(finding(Level::note, "nodes",
                            fmt::format("{} of the queue have no owner that is heard of: without a "
                                        "standby, gateways that run look dead",
                                        count_of(facts.members.without_owner, "part")),
                            "start a standby first"));
  } else if (facts.members.without_owner > 0 && facts.members.forsaken == 0) {
    found.push_back(finding(Level::note, "nodes",
                            fmt::format("{} of the queue without an owner, which is taken over now",
                                        count_of(facts.members.without_owner, "part")),
                            "ask again in half a minute"));
  } else if (facts.members.without_owner > 0) {
    found.push_back(finding(Level::fail, "nodes",
                            fmt::format("{} of the queue without an owner: their mail waits",
                                        count_of(facts.members.without_owner, "part")),
                            "start a gateway"));
  } else {
    found.push_back(finding(Level::ok, "nodes",
                            live == 1 ? "1 gateway lives" : fmt::format("{} gateways live", live)));
  }
  for (const cluster::Member& one : facts.members.nodes) {
    if (one.is_dead || one.silence <= cluster::away_after) continue;
    found.push_back(finding(
        Level::warn, "nodes",
        fmt::format("{} counts as live, and was not heard of for {} s", printable(one.name, 64),
                    std::chrono::duration_cast<std::chrono::seconds>(one.silence).count()),
        "see its log and its /readyz: it hangs or has died, or does not trust the database"));
  }
  for (const cluster::UnknownPart& one : facts.parts) {
    const std::string number = std::to_string(one.number);
    if (one.messages == 0) {
      found.push_back(
          finding(Level::warn, "nodes",
                  "the table `shard` has a row of part " + number + ", which no gateway takes",
                  "as the owner of the tables: DELETE FROM shard WHERE shard = " + number));
    } else {
      found.push_back(finding(
          Level::fail, "nodes",
          fmt::format("part {} is none that a gateway takes, and has {}: their mail waits", number,
                      count_of(one.messages, "message")),
          "no Postern of this version wrote them: find out what did, and bring them back with it"));
    }
  }
  if (versions.size() > 1) {
    found.push_back(
        finding(Level::note, "nodes",
                fmt::format("the gateways have different versions: {}", fmt::join(versions, ", ")),
                "finish the upgrade"));
  }
  const std::int64_t wanted = live * sessions_of_a_node + other_sessions;
  if (facts.connections < wanted) {
    found.push_back(finding(Level::warn, "sessions",
                            fmt::format("max_connections is {}; {} gateways may need {}",
                                        facts.connections, live, wanted),
                            "raise max_connections"));
  }
}

}  // namespace

Findings check_cluster(const cluster::Facts& facts, bool allow_one_copy) {
  Findings found;
  check_standbys(facts, allow_one_copy, found);
  check_session(facts, found);
  check_members(facts, found);
  if (facts.wal_reused < enough_wal) {
    found.push_back(finding(
        Level::note, "wal",
        fmt::format(
            "min_wal_size is {} MB: in a burst of mail all commits wait for each new file of "
            "the WAL, 0.2 s perhaps",
            facts.wal_reused >> 20),
        "set min_wal_size = '1GB' or more, so that files are used again"));
  }
  for (const cluster::Bloat& one : facts.bloats) {
    found.push_back(finding(Level::warn, "vacuum",
                            fmt::format("the table {} has {} dead rows beside {} live ones",
                                        one.table, one.dead, one.live),
                            "see that autovacuum runs and no transaction is open for hours"));
  }
  return found;
}

Findings check_promise(const std::string& file, const Error& error) {
  if (error.message.starts_with(file)) {
    return {finding(Level::note, "copy",
                    "whether the database is an older copy is not known: " + error.message,
                    "run this as the user of the gateway")};
  }
  return {finding(Level::fail, "copy", error.message,
                  "docs/cluster.md, \"When the database has "
                  "lost something\"")};
}

Findings check_seal(const SealFacts& facts) {
  const auto one = [](Level level, std::string what, std::string to_do) {
    return Findings{finding(level, "seal", std::move(what), std::move(to_do))};
  };
  if (!facts.trouble.empty()) {
    return one(
        Level::fail, facts.trouble,
        facts.file.empty()
            ? "set `seal_key_file` to a copy of the file that the other gateways have"
            : fmt::format("put a copy of the file that the other gateways have at {}, of the "
                          "gateway's user with mode 600; or seal anew with this key: stop all "
                          "gateways, and run `postern cluster init`",
                          facts.file));
  }
  if (facts.file.empty()) {
    return one(Level::note, "the secrets are not sealed: a copy of the database opens doors",
               "set `seal_key_file`, stop all gateways, and run `postern cluster init`");
  }
  if (facts.others_may_read) {
    return one(Level::warn, fmt::format("others than its owner may read {}", facts.file),
               fmt::format("chmod 600 {}", facts.file));
  }
  return one(Level::ok, fmt::format("{} is the key of the database", facts.file), "");
}

Findings check_rows(const std::vector<UnreadableRow>& unreadable) {
  Findings found;
  for (const UnreadableRow& one : unreadable) {
    found.push_back(
        finding(Level::fail, "rows",
                fmt::format("{} of {} cannot be read, and its mail is deferred: {}", one.id,
                            one.account, one.why),
                "bring its row back from a backup of the database, or delete it through the API"));
  }
  if (found.empty()) {
    found.push_back(finding(Level::ok, "rows", "all policies, webhooks and DKIM keys can be read"));
  }
  return found;
}

/// A version below it gives the lock to members with an older term of etcd.
constexpr const char* safe_patroni = "4.0.6";
/// A silent host costs its lock's time, and its successor needs some.
constexpr std::chrono::seconds to_take_over{10};

Findings check_patroni(const cluster::Patroni& patroni, bool with_etcd3,
                       std::chrono::milliseconds publish_wait) {
  Findings found;
  const auto add = [&](Level level, std::string what, std::string to_do) {
    found.push_back(finding(level, "patroni", std::move(what), std::move(to_do)));
  };
  if (patroni.hosts.empty()) {
    add(Level::note, "who decides over failovers is not asked",
        "name Patroni's REST API: `patroni = [\"http://pg1:8008\", …]` in [cluster]");
    return found;
  }
  for (const cluster::PatroniHost& one : patroni.hosts) {
    if (one.version.empty()) {
      add(Level::warn, fmt::format("{} does not answer: {}", one.url, one.trouble),
          "start Patroni there, or correct `patroni`");
    }
  }
  if (const std::string loss = cluster::loses_mail(patroni, with_etcd3); !loss.empty()) {
    add(Level::fail, loss,
        "upgrade to Patroni 4.0.6 or newer, or use its older protocol and say so: "
        "`patroni_protocol = \"etcd\"`");
  } else {
    for (const cluster::PatroniHost& one : patroni.hosts) {
      if (one.version.empty() || !cluster::is_older(one.version, safe_patroni)) continue;
      add(Level::warn, fmt::format("{} has version {}, with known faults", one.url, one.version),
          fmt::format("upgrade to Patroni {} or newer", safe_patroni));
    }
  }
  if (!patroni.is_known) return found;
  if (!patroni.synchronous) {
    add(Level::fail, "synchronous_mode is off: a failover loses what was acknowledged",
        "`patronictl edit-config -s synchronous_mode=quorum`");
  } else if (!patroni.strict) {
    add(Level::fail,
        "synchronous_mode_strict is off: without a standby a commit is on one disk only",
        "`patronictl edit-config -s synchronous_mode_strict=true`");
  }
  if (patroni.paused) {
    add(Level::warn, "it is paused: nobody takes over", "`patronictl resume`");
  } else if (patroni.candidates == 0) {
    add(Level::fail, "no standby may take over: if the primary fails, all mail waits",
        "`patronictl list` shows why none is a synchronous standby");
  }
  if (std::chrono::seconds(patroni.ttl) + to_take_over >= publish_wait) {
    add(Level::warn,
        fmt::format("a failover takes {} s and more, and a message waits for {} s only",
                    patroni.ttl + to_take_over.count(),
                    std::chrono::duration_cast<std::chrono::seconds>(publish_wait).count()),
        "`ttl` 20 in Patroni, or a longer `publish_wait`");
  }
  if (found.empty()) {
    add(Level::ok,
        fmt::format(
            "{}; {} may take over",
            patroni.hosts.size() == 1 ? "1 host answers"
                                      : fmt::format("{} hosts answer", patroni.hosts.size()),
            patroni.candidates == 1 ? "1 standby" : fmt::format("{} standbys", patroni.candidates)),
        "");
  }
  return found;
}

}  // namespace postern::doctor
