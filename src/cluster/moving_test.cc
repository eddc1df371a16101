#include "cluster/moving.h"

#include <gtest/gtest.h>

#include "cluster/database.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

TEST(MovingTest, says_what_was_said_last) {
  const auto database =
      *Database::make({.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
  const auto session = *database->connect();
  EXPECT_EQ(why_moving(*session).error().fault, Fault::unreachable) << "no table yet";
  ASSERT_TRUE(migrate(*session, moving_schema()));
  EXPECT_EQ(*why_moving(*session), "");
  ASSERT_TRUE(mark_moving(*session, "it moves"));
  EXPECT_EQ(*why_moving(*session), "it moves");
  ASSERT_TRUE(mark_moving(*session, ""));
  EXPECT_EQ(*why_moving(*session), "");
}

}  // namespace
}  // namespace postern::cluster
