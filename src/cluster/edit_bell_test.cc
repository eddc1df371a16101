#include "cluster/edit_bell.h"

#include <future>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;

class EditBellTest : public ::testing::Test {
 protected:
  EditBellTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})) {}

  void edit() {
    const auto session = database_->connect();
    ASSERT_TRUE(session) << session.error().message;
    ASSERT_TRUE((*session)->run({.sql = "NOTIFY postern_change", .values = {}},
                                Clock::now() + tests::patience));
  }
  std::chrono::milliseconds waited(std::chrono::milliseconds longest) {
    const auto before = Clock::now();
    bell_.wait(longest);
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - before);
  }

  std::unique_ptr<Database> database_;
  EditBell bell_{*database_};
};

TEST_F(EditBellTest, an_edit_ends_the_wait) {
  EXPECT_LT(waited(2 * tests::patience), tests::patience)
      << "it has begun to listen, and what was before was not heard";
  EXPECT_GE(waited(100ms), 100ms) << "nobody edits";
  edit();
  edit();
  EXPECT_LT(waited(2 * tests::patience), tests::patience) << "rung before the wait";
  bell_.wait(200ms);  // the second one may come later
  auto heard = std::async(std::launch::async, [&] { return waited(2 * tests::patience); });
  edit();
  EXPECT_LT(heard.get(), tests::patience);
}

TEST_F(EditBellTest, without_the_server_it_waits_its_time_and_listens_again_later) {
  bell_.wait(1ms);
  tests::PgsqlServer::one().crash();
  EXPECT_GE(waited(50ms), 50ms);
  EXPECT_GE(waited(50ms), 50ms);
  tests::PgsqlServer::one().start();
  EXPECT_TRUE(tests::eventually([&] {
    if (waited(1s) < 1s) return true;
    edit();
    return false;
  })) << "it listens again, or hears the edit";
  bell_.wait(1s);
  edit();
  EXPECT_LT(waited(2 * tests::patience), tests::patience);
}

}  // namespace
}  // namespace postern::cluster
