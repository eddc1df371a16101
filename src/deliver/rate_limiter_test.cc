#include "deliver/rate_limiter.h"

#include <cmath>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace postern::deliver {
namespace {

using namespace std::chrono_literals;

TEST(RateLimiter, gives_a_minutes_allowance_and_then_an_even_trickle) {
  RateLimiter limiter;
  const RateLimiter::Time start{};
  EXPECT_EQ(limiter.tokens("wh_1", 2, start), 2);
  EXPECT_TRUE(limiter.take("wh_1", 2, start));
  EXPECT_TRUE(limiter.take("wh_1", 2, start));
  EXPECT_FALSE(limiter.take("wh_1", 2, start));
  EXPECT_FALSE(limiter.take("wh_1", 2, start + 29s));
  EXPECT_TRUE(limiter.take("wh_1", 2, start + 30s));
  EXPECT_FALSE(limiter.take("wh_1", 2, start + 30s));
  EXPECT_DOUBLE_EQ(limiter.tokens("wh_1", 2, start + 10min), 2);
  EXPECT_TRUE(limiter.take("wh_2", 2, start));
}

TEST(RateLimiter, looking_takes_nothing) {
  RateLimiter limiter;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.tokens("wh_1", 1), 1);
  EXPECT_EQ(limiter.size(), 0u);
  EXPECT_TRUE(limiter.take("wh_1", 1));
  EXPECT_LT(limiter.tokens("wh_1", 1), 1);
}

TEST(RateLimiter, zero_is_no_limit) {
  RateLimiter limiter;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.take("wh_1", 0));
  EXPECT_TRUE(std::isinf(limiter.tokens("wh_1", 0)));
  EXPECT_EQ(limiter.size(), 0u);
}

TEST(RateLimiter, an_edited_limit_counts_at_once) {
  RateLimiter limiter;
  const RateLimiter::Time start{};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.take("wh_1", 5, start));
  EXPECT_FALSE(limiter.take("wh_1", 5, start));
  EXPECT_DOUBLE_EQ(limiter.tokens("wh_1", 8, start), 3);
  EXPECT_DOUBLE_EQ(limiter.tokens("wh_1", 2, start), 0);
}

TEST(RateLimiter, forgets_full_buckets) {
  RateLimiter limiter;
  const RateLimiter::Time start{};
  for (int i = 0; i < 200'000; ++i) limiter.take("wh_" + std::to_string(i), 60, start + i * 1ms);
  EXPECT_LT(limiter.size(), 150'000u);
}

TEST(RateLimiter, hands_each_token_to_one_thread) {
  RateLimiter limiter;
  const RateLimiter::Time now{};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += limiter.take("wh_1", 777, now);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 777);
}

}  // namespace
}  // namespace postern::deliver
