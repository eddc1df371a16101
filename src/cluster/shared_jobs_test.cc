#include "cluster/shared_jobs.h"

#include <gtest/gtest.h>

#include "cluster/node.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

class SharedJobsTest : public ::testing::Test {
 protected:
  SharedJobsTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})) {
    const auto session = *database_->connect();
    for (const Schema* schema : {&node_schema(), &jobs_schema()}) {
      EXPECT_TRUE(migrate(*session, *schema));
    }
  }
  std::unique_ptr<Node> join(const std::string& name) {
    return std::move(*Node::join(*database_, {.name = name, .version = "test"}));
  }
  static std::string states(const std::vector<Job>& jobs) {
    std::string out;
    for (const Job& one : jobs) {
      out += one.id + "=" + one.state +
             (one.is_running ? " runs"
              : one.is_gone  ? " gone"
                             : "") +
             "\n";
    }
    return out;
  }

  std::unique_ptr<Database> database_;
};

TEST_F(SharedJobsTest, any_gateway_shows_and_stops_a_job_and_one_runs) {
  const auto first = join("mx1");
  const auto second = join("mx2");
  SharedJobs here(*database_, first->boot());
  SharedJobs there(*database_, second->boot());
  EXPECT_EQ(*here.begin("replay", "a", "0"), "a");
  EXPECT_EQ(*there.begin("replay", "b", "0"), "a") << "one at a time";
  EXPECT_EQ(*there.begin("other", "c", "0"), "c");
  EXPECT_FALSE(*here.note("a", "1"));
  EXPECT_EQ(states(*there.list("replay")), "a=1 runs\n");
  EXPECT_TRUE(there.stop("a"));
  EXPECT_TRUE(*here.note("a", "2"));
  EXPECT_EQ(*there.result("a"), "");
  EXPECT_TRUE(here.end("a", "3", std::string("res\0ult", 7)));
  EXPECT_EQ(*there.result("a"), std::string("res\0ult", 7));
  EXPECT_EQ(states(*there.list("replay")), "a=3\n");
  EXPECT_EQ(*there.begin("replay", "d", "0"), "d");
  EXPECT_EQ(states(*here.list("replay")), "d=0 runs\na=3\n");
}

TEST_F(SharedJobsTest, a_job_of_a_dead_gateway_is_gone_and_holds_nobody_up) {
  const auto first = join("mx1");
  auto second = join("mx2");
  SharedJobs here(*database_, first->boot());
  SharedJobs there(*database_, second->boot());
  EXPECT_EQ(*there.begin("replay", "a", "5"), "a");
  second->leave();
  EXPECT_EQ(states(*here.list("replay")), "a=5 gone\n");
  EXPECT_EQ(*here.begin("replay", "b", "0"), "b");
  EXPECT_TRUE(*there.note("a", "6")) << "it comes back, and stops";
  EXPECT_EQ(states(*here.list("replay")), "b=0 runs\na=5 gone\n");
}

TEST_F(SharedJobsTest, the_last_ones_are_kept) {
  const auto node = join("mx1");
  SharedJobs jobs(*database_, node->boot());
  for (int i = 0; i < 25; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_EQ(*jobs.begin("replay", id, "x"), id);
    ASSERT_TRUE(jobs.end(id, "x", ""));
  }
  const auto kept = *jobs.list("replay");
  EXPECT_EQ(kept.size(), 20u);
  EXPECT_EQ(kept.front().id, "24");
}

}  // namespace
}  // namespace postern::cluster
