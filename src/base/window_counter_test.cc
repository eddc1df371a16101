#include "base/window_counter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/growth_test.h"

// ThreadSanitizer brings operators of its own, which cannot be replaced.
#if __has_feature(thread_sanitizer)
#define POSTERN_SEES_ALLOCATIONS 0
#else
#define POSTERN_SEES_ALLOCATIONS 1
namespace {
thread_local std::size_t largest_allocation = 0;
}  // namespace

// Notes the largest, so that a test can say what a key costs.
void* operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace postern {
namespace {

using namespace std::chrono_literals;
const WindowCounter::Clock::time_point window_start = WindowCounter::Clock::now();

TEST(WindowCounter, refuses_what_exceeds_the_window_and_says_how_long) {
  WindowCounter limiter(2, 600s);
  EXPECT_FALSE(limiter.take("a", window_start));
  EXPECT_FALSE(limiter.take("a", window_start + 1s));
  EXPECT_EQ(limiter.take("a", window_start + 100s), 501u);
  EXPECT_FALSE(limiter.take("b", window_start));
  EXPECT_FALSE(limiter.take("a", window_start + 600s)) << "a new window";
}

TEST(WindowCounter, gives_back) {
  WindowCounter limiter(1, 600s);
  EXPECT_FALSE(limiter.take("a", window_start));
  limiter.give_back("a");
  limiter.give_back("unknown");
  EXPECT_FALSE(limiter.take("a", window_start));
  EXPECT_TRUE(limiter.take("a", window_start));
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

#if POSTERN_SEES_ALLOCATIONS
// A client chooses the name that it signs in with: 100,000 of 9 KB were 900 MB.
TEST(WindowCounter, a_long_key_costs_as_much_as_a_short_one) {
  WindowCounter counter(2, 600s);
  const std::string key(9 << 10, 'k');
  const std::string other = key.substr(1) + "o";
  largest_allocation = 0;
  EXPECT_FALSE(counter.take(key, window_start));
  EXPECT_FALSE(counter.exceeded(key, window_start));
  EXPECT_TRUE(counter.add(key, window_start));
  EXPECT_FALSE(counter.add(key, window_start));
  EXPECT_TRUE(counter.exceeded(key, window_start));
  EXPECT_FALSE(counter.exceeded(other, window_start))
      << "keys are told apart by their last octet, too";
  counter.give_back(key);
  counter.forget(key);
  EXPECT_FALSE(counter.exceeded(key, window_start));
  EXPECT_LT(largest_allocation, 1024u);
}
#endif

// Regression: with a full table, each new key cost a pass through the table.
TEST(WindowCounter, a_full_table_costs_no_more_an_event) {
  constexpr int most = 40'000;
  WindowCounter counter(10, 3600s, {}, most);
  for (int i = 0; i < most; ++i) {
    for (int twice = 0; twice < 2; ++twice) counter.add("key" + std::to_string(i), window_start);
  }
  const double seconds = tests::cpu_seconds([&] {
    for (int i = 0; i < most; ++i)
      EXPECT_FALSE(counter.take("new" + std::to_string(i), window_start));
  });
  EXPECT_LT(seconds, 2);
}

}  // namespace
}  // namespace postern
