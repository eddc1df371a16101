#include "cluster/shared_tries.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "cluster/pgsql_server_test.h"
#include "cluster/schema.h"
#include "cluster/shared_windows.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;

class SharedTriesTest : public ::testing::Test {
 protected:
  SharedTriesTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})) {
    const auto session = database_->connect();
    EXPECT_TRUE(session && migrate(**session, limits_schema()));
  }
  /// A gateway of two.
  std::unique_ptr<SharedTries> gateway(std::chrono::milliseconds patience = tests::patience) {
    return std::make_unique<SharedTries>(
        *database_, SharedTriesOptions{.nodes = [] { return 2; }, .patience = patience});
  }
  SharedCounts::Answer count(SharedCounts& tries, std::string_view key) {
    std::promise<SharedCounts::Answer> said;
    tries.count(limit_, key, [&](SharedCounts::Answer answer) { said.set_value(answer); });
    return said.get_future().get();
  }

  std::unique_ptr<Database> database_;
  SharedCounts::Limit limit_{.kind = "guesses", .most = 10, .window = 600s};
};

TEST_F(SharedTriesTest, two_gateways_allow_what_one_does) {
  const auto one = gateway();
  const auto other = gateway();
  int allowed = 0;
  std::optional<std::uint64_t> wait;
  for (int i = 0; i < 15; ++i) {
    const auto answer = count(i % 3 == 0 ? *one : *other, "a");
    allowed += answer ? 0 : 1;
    if (answer) wait = answer;
  }
  EXPECT_EQ(allowed, 10);
  EXPECT_GE(wait.value_or(0), 300u);
  EXPECT_LE(wait.value_or(0), 601u);
  EXPECT_FALSE(count(*one, "b")) << "another key";
}

TEST_F(SharedTriesTest, large_limits_are_exact_too) {
  limit_.most = 100;
  const auto one = gateway();
  const auto other = gateway();
  std::atomic<int> yes = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 40; ++n) yes += count(i % 2 == 0 ? *one : *other, "a") ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(yes, 100);
}

TEST_F(SharedTriesTest, a_gateway_hears_of_keys_that_others_closed_and_opened) {
  const auto one = gateway();
  const auto other = gateway();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(count(*one, "a"));
  EXPECT_TRUE(one->closed(limit_, "a"));
  EXPECT_TRUE(tests::eventually([&] { return other->closed(limit_, "a").has_value(); }))
      << "it never saw it";
  EXPECT_FALSE(other->closed(limit_, "b"));
  one->take_back(limit_, "a");
  EXPECT_TRUE(tests::eventually([&] { return !other->closed(limit_, "a"); }));
  EXPECT_FALSE(count(*other, "a"));
  EXPECT_TRUE(count(*other, "a"));
}

TEST_F(SharedTriesTest, what_is_taken_back_counts_at_all) {
  const auto one = gateway();
  const auto other = gateway();
  for (int i = 0; i < 30; ++i) {
    EXPECT_FALSE(count(i % 2 == 0 ? *one : *other, "a")) << i;
    (i % 2 == 0 ? *one : *other).take_back(limit_, "a");
    // It is noted before the next try of the other.
    const auto session = database_->connect();
    EXPECT_TRUE(tests::eventually([&] {
      const auto rows = (*session)->run({.sql = "SELECT n FROM try_count", .values = {}},
                                        Clock::now() + tests::patience);
      return rows && rows->size() == 1 && rows->integer(0, 0) == 0;
    }));
  }
}

TEST_F(SharedTriesTest, the_last_one_closes_for_longer) {
  limit_.window = 300ms;
  limit_.lockout = 900s;
  const auto one = gateway();
  EXPECT_FALSE(count(*one, "a"));
  std::this_thread::sleep_for(400ms);
  for (int i = 0; i < 10; ++i) {
    limit_.window = 600s;
    EXPECT_FALSE(count(*one, "a")) << "the window of the first one is over";
  }
  EXPECT_GE(one->closed(limit_, "a").value_or(0), 600u);
}

TEST_F(SharedTriesTest, without_the_server_this_gateways_share_decides) {
  const auto one = gateway(50ms);
  EXPECT_FALSE(count(*one, "a"));
  tests::PgsqlServer::one().crash();
  int allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += count(*one, "b") ? 0 : 1;
  EXPECT_EQ(allowed, 5);
  tests::PgsqlServer::one().start();
  int round = 0;
  EXPECT_TRUE(tests::eventually([&] {
    allowed = 0;
    ++round;
    for (int i = 0; i < 10; ++i) allowed += count(*one, "c" + std::to_string(round)) ? 0 : 1;
    return allowed == 10;
  })) << "it asks again";
}

TEST_F(SharedTriesTest, the_end_answers_those_who_wait) {
  tests::PgsqlServer::one().crash();
  auto one = gateway();
  std::atomic<int> answers = 0;
  for (int i = 0; i < 10; ++i) {
    one->count(limit_, "a", [&](SharedCounts::Answer) { ++answers; });
  }
  one.reset();
  EXPECT_EQ(answers, 10);
  tests::PgsqlServer::one().start();
}

}  // namespace
}  // namespace postern::cluster
