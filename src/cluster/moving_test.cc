#include "cluster/moving.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/patience_test.h"
#include "cluster/database.h"
#include "cluster/members.h"
#include "cluster/node.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

TEST(MovingTest, says_what_was_said_last) {
  const auto database =
      *Database::make({.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
  const auto session = *database->connect();
  EXPECT_EQ(why_moving(*session).error().fault, Fault::unreachable) << "no table yet";
  ASSERT_TRUE(migrate(*session, node_schema()));
  ASSERT_TRUE(migrate(*session, moving_schema()));
  EXPECT_EQ(*why_moving(*session), "");
  ASSERT_TRUE(mark_moving(*session, "it moves"));
  EXPECT_EQ(*why_moving(*session), "it moves");
  ASSERT_TRUE(mark_moving(*session, ""));
  EXPECT_EQ(*why_moving(*session), "");
}

TEST(MovingTest, who_was_silent_ends_when_it_comes_back) {
  const auto database =
      *Database::make({.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
  const auto session = *database->connect();
  ASSERT_TRUE(migrate(*session, node_schema()));
  ASSERT_TRUE(migrate(*session, moving_schema()));
  const auto frozen = *Node::join(
      *database, {.name = "mx1", .version = "test", .heartbeat = std::chrono::seconds(2)});
  ASSERT_TRUE(mark_moving(*session, "it moves"));
  EXPECT_TRUE(members(*database)->nodes.at(0).parts > 0);
  EXPECT_FALSE(members(*database)->nodes.at(0).is_dead) << "who lives is left alone";
  // With nobody, the database would have been away.
  const auto other = *Node::join(*database, {.name = "mx2", .version = "test"});
  ASSERT_TRUE(session->run({.sql = "UPDATE node SET seen = now() - interval '33 s' WHERE name = "
                                   "'mx1'",
                            .values = {}},
                           Clock::now() + tests::patience));
  ASSERT_TRUE(mark_moving(*session, "it moves"));
  EXPECT_TRUE(tests::eventually([&] { return frozen->is_replaced(); }));
  EXPECT_FALSE(other->is_replaced());
}

}  // namespace
}  // namespace postern::cluster
