#include "cluster/node.h"

#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "cluster/pgsql_server_test.h"
#include "cluster/schema.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    database_ =
        *Database::make({.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
    session_ = *database_->connect();
    const Result<void> migrated = migrate(*session_, node_schema());
    EXPECT_TRUE(migrated) << migrated.error().message;
  }

  std::unique_ptr<Node> join(const std::string& name) {
    auto node = Node::join(
        *database_, {.name = name, .version = "test", .heartbeat = 50ms, .after_trouble = 50ms});
    EXPECT_TRUE(node) << node.error().message;
    return std::move(*node);
  }
  void sql(const std::string& text) {
    const auto done = session_->run({.sql = text, .values = {}}, Clock::now() + answer_limit);
    ASSERT_TRUE(done) << done.error().message;
  }
  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  static std::set<int> numbers(const Node& node) {
    std::set<int> out;
    for (const Part& part : node.parts()) out.insert(part.number);
    return out;
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<net::PgsqlSession> session_;
};

TEST_F(NodeTest, migrating_again_changes_nothing_and_a_newer_schema_is_refused) {
  EXPECT_TRUE(migrate(*session_, node_schema()));
  sql("UPDATE schema_version SET version = 99 WHERE name = 'node'");
  const Result<void> newer = migrate(*session_, node_schema());
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().fault, Fault::conflict);
}

TEST_F(NodeTest, who_is_alone_owns_all_and_two_share) {
  const auto first = join("mx1");
  EXPECT_EQ(first->parts().size(), 64u);
  EXPECT_LT(first->silence(), 5s);
  EXPECT_EQ(first->offset(), 0ms) << "one machine";
  auto second = join("mx2");
  EXPECT_TRUE(soon([&] { return second->parts().size() == 32; }));
  EXPECT_TRUE(soon([&] { return first->parts().size() == 32; }));
  std::set<int> both = numbers(*first);
  both.merge(numbers(*second));
  EXPECT_EQ(both.size(), 64u) << "no part has two owners";
  second->leave();
  EXPECT_TRUE(soon([&] { return first->parts().size() == 64; })) << "what was given back is taken";
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
  EXPECT_EQ(node->parts().size(), 32u);
  sql("UPDATE node SET seen = now() - interval '31 s' WHERE name = 'mx9'");
  EXPECT_TRUE(soon([&] { return node->parts().size() == 64; }));
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

TEST_F(NodeTest, who_takes_a_name_ends_the_one_that_had_it) {
  const auto first = join("mx1");
  const auto second = join("mx1");
  EXPECT_TRUE(soon([&] { return first->is_replaced(); }));
  EXPECT_TRUE(first->parts().empty());
  EXPECT_FALSE(first->numbers(1));
  EXPECT_TRUE(soon([&] { return second->parts().size() == 64; }));
}

TEST_F(NodeTest, a_crash_of_the_server_is_survived) {
  const auto node = join("mx1");
  tests::PgsqlServer::one().crash();
  EXPECT_TRUE(soon([&] { return node->silence() > 500ms; }));
  tests::PgsqlServer::one().start();
  EXPECT_TRUE(soon([&] { return node->silence() < 300ms; }));
  EXPECT_EQ(node->parts().size(), 64u);
}

}  // namespace
}  // namespace postern::cluster
