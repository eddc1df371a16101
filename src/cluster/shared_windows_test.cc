#include "cluster/shared_windows.h"

#include <future>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;

class SharedWindowsTest : public ::testing::Test {
 protected:
  SharedWindowsTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})) {
    const auto session = database_->connect();
    EXPECT_TRUE(session && migrate(**session, limits_schema()));
  }
  /// A gateway of two. Its clock stands still.
  std::unique_ptr<SharedWindows> gateway(std::chrono::milliseconds patience = tests::patience) {
    return std::make_unique<SharedWindows>(*database_,
                                           SharedWindowsOptions{.now = [now = now_] { return now; },
                                                                .nodes = [] { return 2; },
                                                                .watched = {"calls"},
                                                                .patience = patience});
  }
  static SharedLimits::Answer take(SharedLimits& limits, std::uint64_t most, std::string_view key) {
    std::promise<SharedLimits::Answer> said;
    limits.take({.kind = "calls", .most = most, .window = 60s}, key,
                [&](SharedLimits::Answer answer) { said.set_value(answer); });
    return said.get_future().get();
  }

  std::unique_ptr<Database> database_;
  /// Windows do not end while the test runs.
  const std::int64_t now_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                                (std::chrono::system_clock::now() + 24h).time_since_epoch())
                                .count();
};

TEST_F(SharedWindowsTest, small_limits_are_counted_exactly) {
  const auto one = gateway();
  const auto other = gateway();
  int admitted = 0;
  std::optional<std::uint64_t> wait;
  for (int i = 0; i < 40; ++i) {
    const auto answer = take(i % 3 == 0 ? *one : *other, 30, "a");
    admitted += answer ? 0 : 1;
    if (answer) wait = answer;
  }
  EXPECT_EQ(admitted, 30);
  EXPECT_GE(wait.value_or(0), 1u);
  EXPECT_LE(wait.value_or(0), 60u);
  EXPECT_FALSE(take(*one, 30, "b")) << "another key";
  EXPECT_FALSE(take(*one, 0, "a")) << "no limit";
  const std::uint64_t before = one->counts().statements;
  EXPECT_TRUE(take(*one, 30, "a"));
  EXPECT_EQ(one->counts().statements, before) << "an empty window is not asked about again";
}

TEST_F(SharedWindowsTest, many_at_once_each_get_one_answer) {
  const auto one = gateway();
  const auto other = gateway();
  std::atomic<int> yes = 0;
  std::atomic<int> no = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n) (take(i % 2 == 0 ? *one : *other, 49, "a") ? no : yes) += 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(yes, 49);
  EXPECT_EQ(no, 51);
}

TEST_F(SharedWindowsTest, a_large_limit_does_not_wait) {
  const auto one = gateway();
  int admitted = 0;
  int looks = 0;
  EXPECT_TRUE(tests::eventually([&] {
    for (int i = 0; i < 10; ++i) admitted += take(*one, 1000, "a") ? 0 : 1;
    ++looks;
    return one->used_up({.kind = "calls", .most = 1000, .window = 60s}, "a");
  }));
  EXPECT_GE(admitted, 900);
  EXPECT_LE(admitted, 1040);
  EXPECT_LE(one->counts().statements, 60u + looks / 10);
}

TEST_F(SharedWindowsTest, without_the_server_this_gateways_share_decides) {
  const auto one = gateway(50ms);
  EXPECT_FALSE(take(*one, 30, "a"));
  tests::PgsqlServer::one().crash();
  int admitted = 0;
  for (int i = 0; i < 40; ++i) admitted += take(*one, 30, "b") ? 0 : 1;
  EXPECT_EQ(admitted, 15);
  tests::PgsqlServer::one().start();
  int round = 0;
  EXPECT_TRUE(tests::eventually([&] {
    ++round;
    admitted = 0;
    for (int i = 0; i < 30; ++i) admitted += take(*one, 30, "c" + std::to_string(round)) ? 0 : 1;
    return admitted == 30;
  })) << "it asks again";
}

TEST_F(SharedWindowsTest, what_others_have_used_up_is_known_without_a_try) {
  const auto one = gateway();
  const auto other = gateway();
  for (const std::uint64_t most : {30u, 200u}) {
    const SharedLimits::Limit limit{.kind = "calls", .most = most, .window = 60s};
    const std::string key = std::to_string(most);
    EXPECT_FALSE(other->used_up(limit, key));
    const auto until = Clock::now() + tests::patience;
    while (!one->used_up(limit, key) && Clock::now() < until) take(*one, most, key);
    // It has admitted nothing, and nothing but its credit is left.
    int own = 0;
    while (!other->used_up(limit, key) && Clock::now() < until) {
      std::this_thread::sleep_for(most == 30 ? 10ms : 300ms);
      if (most == 200 && !take(*other, most, key)) ++own;
    }
    EXPECT_TRUE(other->used_up(limit, key));
    EXPECT_LE(own, 200 / 20 + 4) << "its credit, and what it may owe";
    EXPECT_TRUE(take(*other, most, key));
    EXPECT_FALSE(other->used_up({.kind = "calls", .most = most + 10, .window = 60s}, key))
        << "the limit was raised";
    EXPECT_FALSE(other->used_up(limit, "another"));
  }
}

TEST_F(SharedWindowsTest, the_end_answers_those_who_wait) {
  tests::PgsqlServer::one().crash();
  auto one = gateway();
  std::atomic<int> answers = 0;
  for (int i = 0; i < 10; ++i) {
    one->take({.kind = "calls", .most = 30, .window = 60s}, "a",
              [&](SharedLimits::Answer) { ++answers; });
  }
  one.reset();
  EXPECT_EQ(answers, 10);
  tests::PgsqlServer::one().start();
}

}  // namespace
}  // namespace postern::cluster
