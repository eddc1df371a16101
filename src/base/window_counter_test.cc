#include "base/window_counter.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using namespace std::chrono_literals;
const WindowCounter::Clock::time_point start = WindowCounter::Clock::now();

TEST(WindowCounter, refuses_what_exceeds_the_window_and_says_how_long) {
  WindowCounter limiter(2, 600s);
  EXPECT_FALSE(limiter.take("a", start));
  EXPECT_FALSE(limiter.take("a", start + 1s));
  EXPECT_EQ(limiter.take("a", start + 100s), 501u);
  EXPECT_FALSE(limiter.take("b", start));
  EXPECT_FALSE(limiter.take("a", start + 600s)) << "a new window";
}

TEST(WindowCounter, gives_back) {
  WindowCounter limiter(1, 600s);
  EXPECT_FALSE(limiter.take("a", start));
  limiter.give_back("a");
  limiter.give_back("unknown");
  EXPECT_FALSE(limiter.take("a", start));
  EXPECT_TRUE(limiter.take("a", start));
}

TEST(WindowCounter, starts_again_with_each_window) {
  WindowCounter counter(2, std::chrono::minutes(1));
  const auto now = WindowCounter::Clock::now();
  EXPECT_TRUE(counter.add("a", now));
  EXPECT_TRUE(counter.add("a", now));
  EXPECT_FALSE(counter.add("a", now));
  EXPECT_TRUE(counter.exceeded("a", now));
  EXPECT_FALSE(counter.exceeded("b", now));
  EXPECT_FALSE(counter.exceeded("a", now + std::chrono::minutes(1)));
  EXPECT_TRUE(counter.add("a", now + std::chrono::minutes(1)));
}

TEST(WindowCounter, a_flood_of_keys_keeps_the_worst_offender) {
  WindowCounter counter(100, std::chrono::hours(1), {}, 2000);
  const auto now = WindowCounter::Clock::now();
  for (int i = 0; i < 150; ++i) counter.add("offender", now);
  for (int i = 0; i < 50'000; ++i) counter.add("key" + std::to_string(i), now);
  EXPECT_TRUE(counter.exceeded("offender", now));
}

// Each new key of a flood cost a pass through the table once the table was full.
TEST(WindowCounter, a_full_table_costs_no_more_an_event) {
  WindowCounter counter(10, 3600s, {}, 100'000);
  for (int i = 0; i < 100'000; ++i) {
    for (int twice = 0; twice < 2; ++twice) counter.add("key" + std::to_string(i), start);
  }
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i) EXPECT_FALSE(counter.take("new" + std::to_string(i), start));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

}  // namespace
}  // namespace postern
