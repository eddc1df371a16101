#include "doctor/cluster_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::doctor {
namespace {

using std::chrono::milliseconds;

/// A cluster without a fault.
cluster::Facts sound() {
  cluster::Facts facts;
  facts.version = 170004;
  facts.standby_names = "ANY 1 (pg2, pg3)";
  facts.standbys = {{"pg2", "streaming", "quorum", milliseconds(2)},
                    {"pg3", "streaming", "quorum", std::nullopt}};
  facts.connections = 100;
  facts.wal_reused = std::int64_t{1} << 30;
  facts.has_tls = true;
  facts.members.nodes = {{.name = "mx1", .version = "0.2.0", .silence = milliseconds(900)},
                         {.name = "mx2", .version = "0.2.0", .silence = milliseconds(100)}};
  return facts;
}

/// The findings that are not `ok`, as "level check: what".
std::vector<std::string> wrong(const cluster::Facts& facts, bool allow_one_copy = false) {
  std::vector<std::string> found;
  for (const Finding& one : check_cluster(facts, allow_one_copy)) {
    if (one.level == Level::ok) continue;
    EXPECT_FALSE(one.to_do.empty()) << one.what;
    found.push_back(std::string(to_string(one.level)) + " " + one.check + ": " + one.what);
  }
  return found;
}

TEST(ClusterChecks, a_sound_one_has_no_finding) {
  EXPECT_THAT(wrong(sound()), ::testing::IsEmpty());
  EXPECT_FALSE(check_cluster(sound(), false).empty()) << "what was looked at is said";
}

TEST(ClusterChecks, the_key_is_there_and_the_one_of_the_database) {
  const auto said = [](const SealFacts& facts) {
    const Findings found = check_seal(facts);
    EXPECT_EQ(found.size(), 1u);
    return std::string(to_string(found[0].level)) + ": " + found[0].what;
  };
  EXPECT_EQ(said({}), "note: the secrets are not sealed: a copy of the database opens doors");
  EXPECT_EQ(said({.file = "/k"}), "ok: /k is the key of the database");
  EXPECT_EQ(said({.file = "/k", .others_may_read = true}),
            "warn: others than its owner may read /k");
  EXPECT_EQ(said({.file = "/k", .others_may_read = true, .trouble = "cannot read /k"}),
            "fail: cannot read /k");
  EXPECT_EQ(said({.file = "", .trouble = "it is sealed"}), "fail: it is sealed");
  EXPECT_EQ(check_seal({.trouble = "it is sealed"})[0].to_do,
            "set `seal_key_file` to a copy of the file that the other gateways have");
  const std::string to_do = check_seal({.file = "/k", .trouble = "cannot read /k"})[0].to_do;
  EXPECT_EQ(to_do.substr(0, to_do.find(" at ") + 6),
            "put a copy of the file that the other gateways have at /k");
}

TEST(ClusterChecks, a_promise_that_cannot_be_compared) {
  const Findings hidden =
      check_promise("/d/cluster.json", {Fault::denied, "/d/cluster.json: Permission denied"});
  ASSERT_EQ(hidden.size(), 1u);
  EXPECT_EQ(hidden[0].level, Level::note);
  const Findings other = check_promise("/d/cluster.json", {Fault::denied, "another database"});
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(other[0].level, Level::fail);
}

TEST(ClusterChecks, each_row_that_cannot_be_read_is_named) {
  EXPECT_EQ(check_rows({}).at(0).level, Level::ok);
  const Findings found = check_rows({{"pol_1", "acc_1", "broken"}, {"wh_1", "acc_2", "torn"}});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].level, Level::fail);
  EXPECT_EQ(found[0].what, "pol_1 of acc_1 cannot be read, and its mail is deferred: broken");
  EXPECT_FALSE(found[1].to_do.empty());
}

TEST(ClusterChecks, each_fault_has_one_finding) {
  const auto with = [](const std::function<void(cluster::Facts&)>& change) {
    cluster::Facts facts = sound();
    change(facts);
    const std::vector<std::string> found = wrong(facts);
    return found.size() == 1 ? found.front() : std::to_string(found.size()) + " findings";
  };
  EXPECT_EQ(with([](auto& f) { f.standby_names = ""; }),
            "fail standby: synchronous_standby_names is empty: a commit is on one disk only");
  EXPECT_EQ(with([](auto& f) { f.standbys.clear(); }),
            "fail standby: no standby streams: every commit waits, and mail is held");
  EXPECT_EQ(with([](auto& f) { f.standbys.pop_back(); }),
            "warn standby: one standby streams: if it fails, every commit waits");
  EXPECT_EQ(with([](auto& f) { f.standbys[0].sync = "async"; }),
            "warn standby: one standby streams: if it fails, every commit waits");
  EXPECT_EQ(with([](auto& f) { f.standby_names = "ANY 2 (*)"; }),
            "warn standby: 2 standbys stream, and a commit waits for all: if one fails, every "
            "commit waits");
  EXPECT_EQ(with([](auto& f) { f.standby_names = "FIRST 3 (pg1, pg2, pg3)"; }),
            "fail standby: a commit waits for 3 standbys, and 2 stream: mail is held");
  EXPECT_EQ(with([](auto& f) { f.standbys[0].state = ""; }),
            "note standby: 2 standbys are connected; their state is not shown to this role");
  EXPECT_EQ(with([](auto& f) { f.standbys[0].flush_lag = milliseconds(7500); }),
            "warn standby: pg2 is 7.5 s behind");
  EXPECT_EQ(with([](auto& f) { f.idle_slots = 2; }),
            "warn standby: 2 replication slots keep WAL for nobody: the disk fills");
  EXPECT_EQ(with([](auto& f) { f.has_tls = false; }),
            "fail tls: the session with the database has no TLS");
  EXPECT_EQ(with([](auto& f) { f.rights = {"superuser", "may make tables"}; }),
            "warn rights: the role has more rights than gateways need: superuser, may make tables");
  EXPECT_EQ(with([](auto& f) { f.offset = milliseconds(-3100); }),
            "warn clock: the clock of the database differs by -3.1 s");
  EXPECT_EQ(with([](auto& f) { f.parts = {{.number = 99}}; }),
            "warn nodes: the table `shard` has a row of part 99, which no gateway takes");
  EXPECT_EQ(
      with([](auto& f) { f.parts = {{.number = -1, .messages = 2}}; }),
      "fail nodes: part -1 is none that a gateway takes, and has 2 messages: their mail waits");
  EXPECT_EQ(with([](auto& f) { f.members.nodes[0].silence = milliseconds(12'300); }),
            "warn nodes: mx1 counts as live, and was not heard of for 12 s");
  EXPECT_EQ(with([](auto& f) { f.members.without_owner = 8; }),
            "note nodes: 8 parts of the queue without an owner, which is taken over now");
  EXPECT_EQ(with([](auto& f) { f.members.without_owner = f.members.forsaken = 64; }),
            "fail nodes: 64 parts of the queue without an owner: their mail waits");
  EXPECT_EQ(with([](auto& f) {
              f.members.without_owner = f.members.forsaken = 64;
              f.lacks = "it has less";
            }),
            "fail copy: the database is an older copy of itself, and no mail is taken or "
            "delivered: it has less");
  EXPECT_EQ(with([](auto& f) {
              f.members.without_owner = f.members.forsaken = 64;
              f.moved = "its queue is elsewhere; make a new database for another cluster";
            }),
            "fail nodes: no gateway starts here: its queue is elsewhere; make a new database for "
            "another cluster");
  EXPECT_EQ(with([](auto& f) { f.members.without_owner = f.members.forsaken = 1; }),
            "fail nodes: 1 part of the queue without an owner: their mail waits");
  EXPECT_EQ(with([](auto& f) { f.members.nodes[0].version = "0.3.0"; }),
            "note nodes: the gateways have different versions: 0.2.0, 0.3.0");
  EXPECT_EQ(
      with([](auto& f) { f.wal_reused = 80 << 20; }),
      "note wal: min_wal_size is 80 MB: in a burst of mail all commits wait for each new file "
      "of the WAL, 0.2 s perhaps");
  EXPECT_EQ(with([](auto& f) { f.connections = 40; }),
            "warn sessions: max_connections is 40; 2 gateways may need 74");
  EXPECT_EQ(with([](auto& f) { f.bloats = {{"message", 10, 200'000}}; }),
            "warn vacuum: the table message has 200000 dead rows beside 10 live ones");
}

TEST(ClusterChecks, gateways_that_wait_for_a_standby_are_not_to_be_started) {
  cluster::Facts facts = sound();
  facts.standbys.clear();
  facts.members.without_owner = 64;
  EXPECT_THAT(wrong(facts),
              ::testing::ElementsAre(
                  "fail standby: no standby streams: every commit waits, and mail is held",
                  "note nodes: 64 parts of the queue have no owner that is heard of: without a "
                  "standby, gateways that run look dead"));
}

TEST(ClusterChecks, one_copy_that_was_allowed_is_a_warning) {
  cluster::Facts facts = sound();
  facts.standby_names = "";
  facts.standbys.clear();
  EXPECT_THAT(
      wrong(facts, true),
      ::testing::ElementsAre(
          "warn standby: synchronous_standby_names is empty: a commit is on one disk only"));
}

/// What decides over failovers, without a fault.
cluster::Patroni sound_patroni() {
  cluster::Patroni patroni;
  patroni.hosts = {{"http://pg1:8008", "4.0.7", ""}, {"http://pg2:8008", "4.0.7", ""}};
  patroni.is_known = patroni.synchronous = patroni.strict = true;
  patroni.ttl = 20;
  patroni.candidates = 2;
  return patroni;
}

TEST(ClusterChecks, what_decides_over_failovers) {
  const auto with = [](const std::function<void(cluster::Patroni&)>& change, bool etcd3 = true,
                       milliseconds publish_wait = milliseconds(60'000)) {
    cluster::Patroni patroni = sound_patroni();
    change(patroni);
    const Findings found = check_patroni(patroni, etcd3, publish_wait);
    if (found.size() != 1) return std::to_string(found.size()) + " findings";
    EXPECT_EQ(found[0].to_do.empty(), found[0].level == Level::ok) << found[0].what;
    return std::string(to_string(found[0].level)) + ": " + found[0].what;
  };
  EXPECT_EQ(with([](auto&) {}), "ok: 2 hosts answer; 2 standbys may take over");
  EXPECT_EQ(with([](auto& p) {
              p.candidates = 1;
              p.hosts.pop_back();
            }),
            "ok: 1 host answers; 1 standby may take over");
  EXPECT_EQ(with([](auto& p) { p = {}; }), "note: who decides over failovers is not asked");
  EXPECT_EQ(with([](auto& p) { p.hosts[1] = {"http://pg2:8008", "", "no connection"}; }),
            "warn: http://pg2:8008 does not answer: no connection");
  const auto old = [](auto& p) { p.hosts[0].version = "3.0.2"; };
  EXPECT_EQ(with(old).substr(0, 30), "fail: Patroni 3.0.2 at http://");
  EXPECT_EQ(with(old, false), "warn: http://pg1:8008 has version 3.0.2, with known faults");
  EXPECT_EQ(with([](auto& p) { p.hosts[0].version = "4.0.5"; }),
            "warn: http://pg1:8008 has version 4.0.5, with known faults");
  EXPECT_EQ(with([](auto& p) { p.synchronous = p.strict = false; }),
            "fail: synchronous_mode is off: a failover loses what was acknowledged");
  EXPECT_EQ(with([](auto& p) { p.strict = false; }),
            "fail: synchronous_mode_strict is off: without a standby a commit is on one disk only");
  EXPECT_EQ(with([](auto& p) { p.paused = true; }), "warn: it is paused: nobody takes over");
  EXPECT_EQ(with([](auto& p) { p.candidates = 0; }),
            "fail: no standby may take over: if the primary fails, all mail waits");
  EXPECT_EQ(with([](auto& p) { p.ttl = 30; }, true, milliseconds(40'000)),
            "warn: a failover takes 40 s and more, and a message waits for 40 s only");
}

}  // namespace
}  // namespace postern::doctor
