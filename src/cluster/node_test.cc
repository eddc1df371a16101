#include "cluster/node.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "cluster/members.h"
#include "cluster/pgsql_server_test.h"
#include "cluster/schema.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    database_string_ = tests::PgsqlServer::one().database();
    database_ = *Database::make({.postgres = database_string_, .allow_one_copy = true});
    session_ = *database_->connect();
    const Result<void> migrated = migrate(*session_, node_schema());
    EXPECT_TRUE(migrated) << migrated.error().message;
  }

  std::unique_ptr<Node> join(const std::string& name, NodeOptions options = {}) {
    auto node = try_join(name, std::move(options));
    EXPECT_TRUE(node) << node.error().message;
    return std::move(*node);
  }
  Result<std::unique_ptr<Node>> try_join(const std::string& name, NodeOptions options = {}) {
    options.name = name;
    options.version = "test";
    options.heartbeat = 50ms;
    options.after_trouble = 50ms;
    return Node::join(*database_, std::move(options));
  }
  void sql(const std::string& text) {
    const auto done = session_->run({.sql = text, .values = {}}, Clock::now() + tests::patience);
    ASSERT_TRUE(done) << done.error().message;
  }
  static std::set<int> numbers(const Node& node) {
    std::set<int> out;
    for (const Part& part : node.parts()) out.insert(part.number);
    return out;
  }

  std::string database_string_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<net::PgsqlSession> session_;
};

TEST_F(NodeTest, migrating_again_changes_nothing_and_a_newer_schema_is_refused) {
  EXPECT_TRUE(migrate(*session_, node_schema()));
  sql("UPDATE schema_version SET version = 99, compatible_from = 99 WHERE name = 'node'");
  const Result<void> newer = migrate(*session_, node_schema());
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().fault, Fault::conflict);
}

// Three releases of one program: the second only adds, the third removes.
constexpr const char* made = "CREATE TABLE thing (a int)";
constexpr const char* adds = "ALTER TABLE thing ADD b int NOT NULL DEFAULT 7";
constexpr const char* removes = "ALTER TABLE thing DROP a";
constexpr const char* three[] = {made, adds, removes};
constexpr Schema first_release{.name = "thing", .versions = std::span(three).first(1)};
constexpr Schema second_release{
    .name = "thing", .versions = std::span(three).first(2), .compatible_from = 1};
constexpr Schema third_release{.name = "thing", .versions = three, .compatible_from = 2};

Fault fault_of(const Result<void>& result) { return result ? Fault{} : result.error().fault; }

TEST_F(NodeTest, a_program_goes_on_with_tables_of_the_next_release) {
  ASSERT_TRUE(migrate(*session_, first_release));
  EXPECT_TRUE(expect(*session_, first_release));
  EXPECT_EQ(fault_of(expect(*session_, second_release)), Fault::not_found) << "not migrated yet";
  ASSERT_TRUE(migrate(*session_, second_release));
  EXPECT_TRUE(expect(*session_, second_release));
  EXPECT_TRUE(expect(*session_, first_release));
  EXPECT_EQ(fault_of(expect(*session_, first_release, Newer::none)), Fault::conflict);
  EXPECT_TRUE(migrate(*session_, first_release)) << "there is nothing to do";
  sql("SELECT b FROM thing");
  EXPECT_TRUE(expect(*session_, second_release));
  ASSERT_TRUE(migrate(*session_, third_release));
  EXPECT_TRUE(expect(*session_, second_release));
  const Result<void> refused = expect(*session_, first_release);
  ASSERT_EQ(fault_of(refused), Fault::conflict);
  EXPECT_NE(refused.error().message.find("install Postern "), std::string::npos);
  EXPECT_EQ(fault_of(migrate(*session_, first_release)), Fault::conflict);
}

TEST_F(NodeTest, tables_that_say_nothing_are_for_their_own_version) {
  ASSERT_TRUE(migrate(*session_, first_release));
  sql("ALTER TABLE schema_version DROP compatible_from, DROP postern");
  EXPECT_TRUE(expect(*session_, first_release));
  sql("UPDATE schema_version SET version = 2 WHERE name = 'thing'");
  EXPECT_EQ(fault_of(expect(*session_, first_release)), Fault::conflict);
}

TEST_F(NodeTest, nothing_is_removed_under_a_gateway_that_needs_it) {
  ASSERT_TRUE(migrate(*session_, second_release));
  const auto newer = join("mx2", {.schemas = "other=1 thing=2 node=2"});
  auto old = join("mx1", {.schemas = "other=2 thing=1"});
  const Result<void> refused = migrate(*session_, third_release);
  ASSERT_EQ(fault_of(refused), Fault::temporary);
  EXPECT_NE(refused.error().message.find("mx1"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(expect(*session_, second_release));
  old->leave();
  const auto silent = join("mx3");  // of a release that did not say what it knows
  EXPECT_EQ(fault_of(migrate(*session_, third_release)), Fault::temporary);
  silent->leave();
  const Result<void> done = migrate(*session_, third_release);
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(NodeTest, migration_waits_for_a_lock_without_holding_others_up) {
  ASSERT_TRUE(migrate(*session_, first_release));
  const auto reader = *database_->connect();
  const auto deadline = Clock::now() + tests::patience;
  ASSERT_TRUE(reader->run({.sql = "BEGIN", .values = {}}, deadline));
  ASSERT_TRUE(reader->run({.sql = "SELECT FROM thing", .values = {}}, deadline));
  std::thread ends([&] {
    std::this_thread::sleep_for(2500ms);
    reader->roll_back(Clock::now() + tests::patience);
  });
  EXPECT_TRUE(migrate(*session_, second_release));
  ends.join();
  sql("SELECT b FROM thing");
}

TEST_F(NodeTest, who_is_alone_owns_all_and_two_share) {
  const auto first = join("mx1");
  EXPECT_EQ(first->parts().size(), 64u);
  EXPECT_TRUE(tests::eventually([&] { return first->silence() < 5s; }));
  EXPECT_EQ(first->offset(), 0ms) << "one machine";
  auto second = join("mx2");
  EXPECT_TRUE(tests::eventually([&] { return second->parts().size() == 32; }));
  EXPECT_TRUE(tests::eventually([&] { return first->parts().size() == 32; }));
  std::set<int> both = numbers(*first);
  both.merge(numbers(*second));
  EXPECT_EQ(both.size(), 64u) << "no part has two owners";
  second->leave();
  EXPECT_TRUE(tests::eventually([&] { return first->parts().size() == 64; }))
      << "what was given back is taken";
}

TEST_F(NodeTest, one_does_what_is_done_for_all) {
  auto first = join("mx1");
  EXPECT_TRUE(first->leads());
  const auto second = join("mx0");
  EXPECT_FALSE(second->leads()) << "not by its name";
  std::this_thread::sleep_for(300ms);
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(second->leads());
  sql("UPDATE node SET draining = true WHERE name = 'mx1'");
  EXPECT_TRUE(tests::eventually([&] { return second->leads() && !first->leads(); }));
  sql("UPDATE node SET draining = false WHERE name = 'mx1'");
  EXPECT_TRUE(tests::eventually([&] { return first->leads() && !second->leads(); }));
  first->leave();
  EXPECT_TRUE(tests::eventually([&] { return second->leads(); }));
}

// What is acknowledged while it is asked for what it has is no loss.
TEST_F(NodeTest, a_new_session_beside_heartbeats_and_puts_finds_no_loss) {
  std::atomic<int> losses = 0;
  auto node = *Node::join(*database_, {.name = "mx1",
                                       .version = "test",
                                       .heartbeat = 1ms,
                                       .after_trouble = 1ms,
                                       .rolled_back = [&](const std::string&) { ++losses; }});
  const Part part = node->parts().front();
  std::atomic<bool> ends = false;
  std::thread puts([&] {
    for (std::int64_t n = 1; !ends; ++n) {
      const auto done =
          session_->run({.sql = "UPDATE shard SET puts = $1::bigint WHERE shard = $2::bigint",
                         .values = {net::pgsql::integer(n), net::pgsql::integer(part.number)}},
                        Clock::now() + tests::patience);
      if (done) node->stored(part, n);
    }
  });
  for (int i = 0; i < 300 && losses == 0; ++i) {
    const auto session = database_->connect();
    EXPECT_TRUE(session) << session.error().message;
  }
  ends = true;
  puts.join();
  EXPECT_EQ(losses, 0);
}

TEST_F(NodeTest, a_silent_node_loses_its_parts_and_a_failover_makes_nobody_silent) {
  sql("INSERT INTO node (boot, name, version, started, seen, beat) VALUES "
      "('00000000-0000-0000-0000-000000000001', 'mx9', 'test', now(), now(), 1)");
  sql("UPDATE shard SET owner = 'mx9', boot = '00000000-0000-0000-0000-000000000001', epoch = 5 "
      "WHERE shard >= 60");
  const auto node = join("mx1");
  EXPECT_EQ(node->parts().size(), 32u) << "two live nodes";
  sql("UPDATE node SET seen = now() - interval '29 s' WHERE name = 'mx9'");
  std::this_thread::sleep_for(300ms);
  const std::size_t kept = node->parts().size();
  const auto age =
      session_->run({.sql = "SELECT extract(epoch FROM now() - seen)::bigint FROM node "
                            "WHERE name = 'mx9'",
                     .values = {}},
                    Clock::now() + tests::patience);
  ASSERT_TRUE(age);
  EXPECT_TRUE(kept == 32 || age->integer(0, 0) >= 30) << kept;
  sql("UPDATE node SET seen = now() - interval '31 s' WHERE name = 'mx9'");
  EXPECT_TRUE(tests::eventually([&] { return node->parts().size() == 64; }));
  const auto parts = node->parts();
  EXPECT_EQ(parts.back().number, 63);
  EXPECT_EQ(parts.back().epoch, 6);
}

TEST_F(NodeTest, numbers_are_never_given_twice_and_rise_within_a_part) {
  auto node = join("mx1");
  std::map<int, std::int64_t> last;
  for (int i = 0; i < 1000; ++i) {
    const auto numbers = node->numbers(3);
    ASSERT_TRUE(numbers);
    std::int64_t& before = last[numbers->part.number];
    EXPECT_GT(numbers->first, before);
    before = numbers->first + 2;
  }
  EXPECT_EQ(last.size(), 64u) << "in turn";
  node = nullptr;
  node = join("mx1");
  for (const Part& part : node->parts()) EXPECT_GT(part.first, last[part.number]);
  const Part some = node->parts().front();
  node->lost(some);
  EXPECT_EQ(node->parts().size(), 63u);
}

TEST_F(NodeTest, a_part_in_doubt_is_used_again_when_its_commits_have_ended) {
  std::mutex mutex;
  std::vector<std::string> moved;
  const auto node =
      join("mx1", {.moved = [&](std::string_view how, const std::string& owner, std::size_t count) {
             const std::lock_guard guard(mutex);
             moved.push_back(std::string(how) + owner + std::to_string(count));
           }});
  const Part part = node->parts().at(7);
  sql("BEGIN");
  sql("SELECT pg_advisory_xact_lock_shared(7305, 7)");  // a put that hangs at its commit
  node->doubt(part);
  for (int i = 0; i < 2 * part_count; ++i) EXPECT_NE(node->numbers(1)->part.number, 7);
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(numbers(*node).contains(7));
  sql("COMMIT");
  ASSERT_TRUE(tests::eventually([&] { return numbers(*node).contains(7); }));
  EXPECT_GT(node->parts().at(7).epoch, part.epoch) << "a late put of before is refused";
  EXPECT_EQ(node->counts().lost, 0u);
  sql("BEGIN");
  sql("SELECT pg_advisory_xact_lock_shared(7305, 7)");
  node->doubt(node->parts().at(7));
  sql("COMMIT");
  node->leave();
  EXPECT_EQ(members(*database_)->without_owner, part_count) << "one in doubt is given back, too";
  const std::lock_guard guard(mutex);
  EXPECT_EQ(moved.front(), "free64");
  EXPECT_EQ(moved.back(), "given64");
}

TEST_F(NodeTest, who_stopped_is_said_and_forgotten_after_a_day) {
  auto node = join("mx1");
  const auto state = [&] {
    const Members found = *members(*database_);
    if (found.nodes.empty()) return "none";
    return found.nodes[0].is_stopped ? "stopped" : found.nodes[0].is_dead ? "dead" : "live";
  };
  EXPECT_STREQ(state(), "live");
  node->leave();
  EXPECT_STREQ(state(), "stopped");
  sql("UPDATE node SET seen = now() - interval '25 hours'");
  EXPECT_STREQ(state(), "none");
  sql("UPDATE node SET ended = false");
  EXPECT_STREQ(state(), "dead");
  sql("UPDATE node SET seen = now() - interval '8 days'");
  EXPECT_STREQ(state(), "none");
}

TEST_F(NodeTest, parts_that_change_their_owner_are_not_forsaken) {
  const auto forsaken = [&] { return members(*database_)->forsaken; };
  EXPECT_EQ(forsaken(), part_count) << "nobody lives";
  const auto node = join("mx1");
  EXPECT_EQ(forsaken(), 0);
  // Parts that nobody takes, since another process locks them.
  sql("SELECT pg_advisory_lock(7305, n) FROM generate_series(0, 7) AS n");
  sql("UPDATE shard SET owner = NULL, boot = NULL, since = now() WHERE shard < 8");
  ASSERT_TRUE(tests::eventually([&] { return node->parts().size() == 56; }));
  EXPECT_EQ(members(*database_)->without_owner, 8);
  EXPECT_EQ(forsaken(), 0) << "they were given up just now";
  sql("UPDATE shard SET since = now() - interval '31 s' WHERE shard < 8");
  EXPECT_EQ(forsaken(), 0) << "the only gateway has just started";
  sql("UPDATE node SET started = now() - interval '31 s'");
  EXPECT_EQ(forsaken(), 8);
  // Of a gateway that died lately, and of one that died before.
  sql("INSERT INTO node (boot, name, version, started, seen, beat) VALUES "
      "('00000000-0000-0000-0000-000000000001', 'mx2', 'test', now() - interval '1 day', now() - "
      "interval '40 s', 1)");
  sql("UPDATE shard SET boot = '00000000-0000-0000-0000-000000000001' WHERE shard < 8");
  EXPECT_EQ(forsaken(), 0);
  sql("UPDATE node SET seen = now() - interval '70 s' WHERE name = 'mx2'");
  EXPECT_EQ(forsaken(), 8);
  sql("SELECT pg_advisory_unlock_all()");
}

TEST_F(NodeTest, who_lives_keeps_its_name_and_loses_it_when_it_is_dead) {
  std::atomic<int> ends = 0;
  const auto first = join("mx1", {.ends = [&](bool replaced) { ends += replaced ? 1 : 100; }});
  const auto second = try_join("mx1");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::conflict);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(ends, 0) << "nothing happens to the first one";
  EXPECT_EQ(first->parts().size(), 64u);
  // As if it had been frozen: its row is old when the other one asks.
  const auto taken = (*database_->connect())
                         ->run({.sql = "WITH old AS (UPDATE node SET replaced = true WHERE name = "
                                       "'mx1' RETURNING 1) SELECT count(*) FROM old",
                                .values = {}},
                               Clock::now() + tests::patience);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(tests::eventually([&] { return first->is_replaced(); }));
  EXPECT_TRUE(first->parts().empty());
  EXPECT_FALSE(first->numbers(1));
  EXPECT_FALSE(first->may_deliver());
  EXPECT_TRUE(tests::eventually([&] { return ends == 1; }));
  const auto third = join("mx1");
  EXPECT_EQ(third->parts().size(), 64u);
}

// Nobody else lives who would be heard of meanwhile.
TEST_F(NodeTest, the_only_gateway_that_died_gives_its_name_free) {
  sql("INSERT INTO node (boot, name, version, started, seen, beat) VALUES "
      "('00000000-0000-0000-0000-000000000001', 'mx1', 'test', now(), now() - interval '5 min', "
      "1)");
  const auto first = try_join("mx1");
  ASSERT_FALSE(first) << "the database may have been away";
  EXPECT_EQ(first.error().fault, Fault::conflict);
  // As if half a minute had passed since.
  sql("UPDATE cluster SET back_since = back_since - interval '31 s'");
  const auto second = try_join("mx1");
  ASSERT_TRUE(second) << second.error().message;
}

TEST_F(NodeTest, who_wants_a_name_waits_for_it_with_a_bound) {
  auto first = join("mx1");
  int waits = 0;
  const auto late = Node::join_in_turn(*database_, {.name = "mx1", .version = "test"},
                                       {.limit = 600ms, .waits = [&](const std::string& why) {
                                          EXPECT_NE(why.find("mx1"), std::string::npos);
                                          waits += 1;
                                        }});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fault, Fault::temporary) << "another try may succeed";
  EXPECT_EQ(waits, 1);
  int sleeps = 0;
  const auto stopped =
      Node::join_in_turn(*database_, {.name = "mx1", .version = "test"},
                         {.limit = tests::patience, .sleeps = [&](auto) { return ++sleeps < 3; }});
  EXPECT_FALSE(stopped);
  EXPECT_EQ(sleeps, 3) << "it goes on until it is asked to end";
  std::thread ends([&] {
    std::this_thread::sleep_for(300ms);
    first->leave();
  });
  const auto second = Node::join_in_turn(*database_, {.name = "mx1", .version = "test"},
                                         {.limit = tests::patience});
  ends.join();
  ASSERT_TRUE(second) << second.error().message;
}

TEST_F(NodeTest, a_restart_after_a_crash_has_its_name_at_once) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  const std::string lock = folder.path() + "/lock";
  std::ofstream(lock).close();
  {
    const auto crashed = join("mx1", {.promised_file = file, .lock_file = lock});
    const auto noted = read_promised(file);
    ASSERT_TRUE(noted && *noted) << "from the first heartbeat on";
    EXPECT_EQ((*noted)->boot, crashed->boot());
    sql("UPDATE node SET ended = false");
  }
  sql("UPDATE node SET ended = false");
  const auto elsewhere = try_join("mx1");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().fault, Fault::conflict);
  const auto again = join("mx1", {.promised_file = file, .lock_file = lock});
  EXPECT_EQ(again->parts().size(), 64u);
}

TEST_F(NodeTest, a_copy_of_its_directory_does_not_take_the_name_of_one_that_lives) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  const std::string lock = folder.path() + "/lock";
  const std::string copied_file = folder.path() + "/copied.json";
  const std::string copied_lock = folder.path() + "/copied.lock";
  std::ofstream(lock).close();
  std::ofstream(copied_lock).close();
  const auto living = join("mx1", {.promised_file = file, .lock_file = lock});
  const auto refused = [&](const std::string& lock_file) {
    const auto copy = try_join("mx1", {.promised_file = copied_file, .lock_file = lock_file});
    return !copy && copy.error().fault == Fault::conflict;
  };
  std::filesystem::copy_file(file, copied_file);
  EXPECT_TRUE(refused(copied_lock));
  EXPECT_TRUE(refused("")) << "nothing shows that the other one has ended";
  // The disk of a copied machine has the same inodes.
  Promised copy = **read_promised(copied_file);
  copy.place.booted -= 5s;
  ASSERT_TRUE(write_promised(copied_file, copy));
  EXPECT_TRUE(refused(lock));
  // A file of an older release.
  copy.place = {};
  ASSERT_TRUE(write_promised(copied_file, copy));
  EXPECT_TRUE(refused(lock));
  EXPECT_FALSE(living->is_replaced());
  EXPECT_EQ(living->parts().size(), 64u);
}

TEST_F(NodeTest, between_two_heartbeats_there_is_no_trouble) {
  const auto node = join("mx1", {.heartbeat = 500ms});
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(node->trouble(1ms));
    std::this_thread::sleep_for(40ms);
  }
}

TEST_F(NodeTest, a_database_that_has_less_than_it_promised_is_not_trusted) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  auto node = join("mx1", {.promised_file = file});
  ASSERT_TRUE(database_->connect());
  EXPECT_TRUE(node->may_deliver());

  const Part some = node->parts().front();
  sql("UPDATE shard SET puts = 7 WHERE shard = " + std::to_string(some.number));
  node->stored(some, 7);
  ASSERT_TRUE(database_->connect());
  sql("UPDATE shard SET puts = 6 WHERE shard = " + std::to_string(some.number));
  const auto older = database_->connect();
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().fault, Fault::denied);
  EXPECT_NE(older.error().message.find("accept-loss"), std::string::npos);
  EXPECT_FALSE(node->may_deliver());
  ASSERT_TRUE(node->trouble(60s));
  EXPECT_EQ(node->trouble(60s)->word, "rolled_back");

  // Somebody else's connection, as that of the command.
  const auto other = *Database::make({.postgres = database_string_, .allow_one_copy = true});
  const auto times = accept_loss(*other);
  ASSERT_TRUE(times) << times.error().message;
  EXPECT_EQ(*times, 1);
  ASSERT_TRUE(database_->connect());
  EXPECT_TRUE(node->may_deliver());
  EXPECT_TRUE(tests::eventually([&] { return node->parts().size() == 64; }));
  for (const Part& part : node->parts()) EXPECT_GT(part.epoch, 1'000'000);

  // The same after a restart, from the disk.
  EXPECT_TRUE(tests::eventually([&] {
    const auto noted = read_promised(file);
    return noted && *noted && (*noted)->losses == 1;
  }));
  node = nullptr;
  sql("UPDATE node SET beat = 1");
  const auto back = try_join("mx1", {.promised_file = file});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().fault, Fault::denied);
  ASSERT_TRUE(accept_loss(*other));
  EXPECT_TRUE(try_join("mx1", {.promised_file = file}));
}

TEST_F(NodeTest, another_database_of_the_server_is_no_older_copy) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  const auto join_other = [&](const std::string& postgres) {
    const auto other = *Database::make({.postgres = postgres, .allow_one_copy = true});
    EXPECT_TRUE(migrate(**other->connect(), node_schema()));
    const auto node = Node::join(*other, {.name = "mx1", .version = "test", .promised_file = file});
    return node ? std::string() : node.error().message;
  };
  join("mx1", {.promised_file = file})->leave();
  const Promised noted = **read_promised(file);
  EXPECT_FALSE(noted.home.cluster.empty());
  const std::string second = tests::PgsqlServer::one().database();
  const std::string refused = join_other(second);
  EXPECT_NE(refused.find("another database than before"), std::string::npos) << refused;
  for (const std::string& told : {noted.home.database, noted.home.cluster, "[cluster] database"s,
                                  "cluster.json"s, second.substr(second.rfind('=') + 1)}) {
    EXPECT_NE(refused.find(told), std::string::npos) << told << ": " << refused;
  }
  EXPECT_EQ(refused.find("accept-loss"), std::string::npos) << refused;

  // A copy under another name is the same database, and is asked for what it promised.
  session_ = nullptr;
  database_ = nullptr;
  const std::string copy =
      tests::PgsqlServer::one().database(database_string_.substr(database_string_.rfind('=') + 1));
  EXPECT_EQ(join_other(copy), "");
  EXPECT_EQ(read_promised(file)->value().home.cluster, noted.home.cluster);

  // A file of an older release names none.
  Promised old = *read_promised(file).value();
  old.home = {};
  old.beat = 0;
  ASSERT_TRUE(write_promised(file, old));
  EXPECT_EQ(join_other(second), "");
}

TEST_F(NodeTest, all_are_content_if_each_that_did_not_stop_is_heard_of) {
  const auto content = [&](std::chrono::milliseconds longest = tests::patience) {
    return *are_all_content(*database_, longest);
  };
  EXPECT_FALSE(content()) << "nobody says so";
  auto first = join("mx1");
  const auto second = join("mx2");
  EXPECT_TRUE(content());
  first->leave();
  EXPECT_TRUE(content()) << "who stopped asks for nothing";
  // As in a copy whose gateways went on elsewhere: it counts as live.
  sql("UPDATE node SET ended = false, seen = now() WHERE name = 'mx1'");
  EXPECT_FALSE(content(1s));
  sql("UPDATE node SET seen = now() - interval '10 min' WHERE name = 'mx1'");
  EXPECT_TRUE(tests::eventually([&] { return second->counts().gone == 1; })) << "it died";
  const auto asked = Clock::now();
  EXPECT_FALSE(content());
  EXPECT_LT(Clock::now() - asked, tests::patience) << "it is not waited for";
}

TEST_F(NodeTest, a_file_says_what_the_database_lacks) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  EXPECT_EQ(*missing(*database_, file), "") << "no file";
  join("mx1", {.promised_file = file})->leave();
  EXPECT_EQ(*missing(*database_, file), "");
  const auto beat = (*read_promised(file))->beat;
  sql("UPDATE node SET beat = 0");
  const std::string said = *missing(*database_, file);
  EXPECT_TRUE(said.starts_with("about " + std::to_string(5 * beat) + " s of changes")) << said;
  sql("UPDATE cluster SET losses = losses + 1");
  EXPECT_EQ(*missing(*database_, file), "") << "people accepted it";
  join("mx1", {.promised_file = file})->leave();
  sql("UPDATE node SET beat = 0");
  sql("UPDATE cluster SET losses = 0");
  ASSERT_TRUE(accept_loss(*database_, file));
  EXPECT_EQ(*missing(*database_, file), "") << "people accepted a copy of before the first time";
  sql("UPDATE cluster SET id = gen_random_uuid()");
  const auto other = missing(*database_, file);
  ASSERT_FALSE(other) << "the numbers of another database say nothing";
  EXPECT_EQ(other.error().fault, Fault::denied);
}

TEST_F(NodeTest, who_is_asked_to_stop_says_so_goes_on_and_ends_after_the_notice) {
  std::atomic<int> ends = 0;
  std::atomic<Clock::time_point> ended;
  const auto node = join("mx1", {.notice = 300ms, .ends = [&](bool replaced) {
                                   ended = Clock::now();
                                   ends += replaced ? 100 : 1;
                                 }});
  EXPECT_EQ(drain(*database_, "mx2").error().fault, Fault::not_found);
  const auto asked = Clock::now();
  ASSERT_TRUE(drain(*database_, "mx1"));
  EXPECT_TRUE(tests::eventually([&] { return node->is_draining(); }));
  EXPECT_TRUE(tests::eventually([&] { return ends == 1; }));
  EXPECT_GE(ended.load() - asked, 300ms) << "balancers have time to see it";
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(tests::eventually([&] { return node->silence() < 300ms; }))
      << "what is under way keeps its lease";
  EXPECT_EQ(*presence_of(*database_, "mx1"), Presence::lives);
  node->leave();
  EXPECT_EQ(*presence_of(*database_, "mx1"), Presence::stopped);
  sql("UPDATE node SET ended = false, seen = now() - interval '31 s'");
  EXPECT_EQ(*presence_of(*database_, "mx1"), Presence::dead);
}

TEST(Promised, a_file_that_says_something_else_is_an_error_and_none_is_none) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.path() + "/cluster.json";
  const auto none = read_promised(file);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  for (const char* text :
       {"", "{}", "[1]",
        R"({"system":"1","timeline":-1,"node":"a","boot":"00","beat":1,"losses":0})",
        R"({"system":"1","timeline":1,"node":"a","boot":"0g","beat":1,"losses":0})"}) {
    std::ofstream(file) << text;
    const auto read = read_promised(file);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().fault, Fault::malformed);
  }
  const Promised some{.epoch = {.system = "73", .timeline = 4},
                      .home = {.cluster = "c1", .database = "mail"},
                      .node = "mx1",
                      .boot = std::string("\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7", 16),
                      .beat = 12,
                      .losses = 1,
                      .place = {.device = 2, .inode = 3, .booted = 1'700'000'000'000ms}};
  ASSERT_TRUE(write_promised(file, some));
  const auto back = read_promised(file);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ((*back)->epoch, some.epoch);
  EXPECT_EQ((*back)->boot, some.boot);
  EXPECT_EQ((*back)->beat, 12);
  EXPECT_EQ((*back)->losses, 1);
  EXPECT_EQ((*back)->home.cluster, "c1");
  EXPECT_EQ((*back)->home.database, "mail");
  EXPECT_TRUE(some.place.is_same_as((*back)->place));
  std::ofstream(file)
      << R"({"system":"73","timeline":4,"node":"mx1","boot":"00010203040506070001020304050607",)"
      << R"("beat":12,"losses":1})";
  const auto older = read_promised(file);
  ASSERT_TRUE(older && *older) << "of a release that did not note the database";
  EXPECT_EQ((*older)->boot, some.boot);
  EXPECT_EQ((*older)->home.cluster, "");
  EXPECT_FALSE(some.place.is_same_as((*older)->place));
}

TEST_F(NodeTest, a_crash_of_the_server_is_survived) {
  const auto node = join("mx1");
  tests::PgsqlServer::one().crash();
  EXPECT_TRUE(tests::eventually([&] { return node->silence() > 500ms; }));
  tests::PgsqlServer::one().start();
  EXPECT_TRUE(tests::eventually([&] { return node->silence() < 300ms; }));
  EXPECT_EQ(node->parts().size(), 64u);
}

}  // namespace
}  // namespace postern::cluster
