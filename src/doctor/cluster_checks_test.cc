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
  EXPECT_EQ(with([](auto& f) { f.members.without_owner = 64; }),
            "fail nodes: 64 parts of the queue have no owner: their mail waits");
  EXPECT_EQ(with([](auto& f) { f.members.nodes[0].version = "0.3.0"; }),
            "note nodes: the gateways have different versions: 0.2.0, 0.3.0");
  EXPECT_EQ(with([](auto& f) { f.connections = 40; }),
            "warn sessions: max_connections is 40; 2 gateways may need 44");
  EXPECT_EQ(with([](auto& f) { f.bloats = {{"message", 10, 200'000}}; }),
            "warn vacuum: the table message has 200000 dead rows beside 10 live ones");
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

}  // namespace
}  // namespace postern::doctor
