#include "gateway/signature_sightings.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using std::chrono::hours;
using Clock = SignatureSightings::Clock;

TEST(SignatureSightings, counts_the_messages_of_a_day) {
  MemoryBudget memory{1u << 20};
  SignatureSightings sightings{memory};
  const Clock::time_point start{};
  const auto one = sightings.key_of("one");
  EXPECT_EQ(sightings.add(one, start), 1u);
  EXPECT_EQ(sightings.add(sightings.key_of("two"), start), 1u);
  EXPECT_EQ(sightings.add(one, start + hours(23)), 2u);
  EXPECT_EQ(sightings.add(one, start + hours(24)), 1u) << "a window begins with its first message";
  EXPECT_EQ(sightings.size(), 1u) << "the other one was not seen for a day";
}

TEST(SignatureSightings, what_was_not_accepted_does_not_count) {
  MemoryBudget memory{1u << 20};
  SignatureSightings sightings{memory};
  const Clock::time_point now{};
  const auto key = sightings.key_of("one");
  EXPECT_EQ(sightings.add(key, now), 1u);
  EXPECT_EQ(sightings.add(key, now), 2u);
  sightings.withdraw(key);
  EXPECT_EQ(sightings.add(key, now), 2u);
  sightings.withdraw(key);
  sightings.withdraw(key);
  sightings.withdraw(key);
  EXPECT_EQ(sightings.size(), 0u);
  EXPECT_EQ(memory.used(), 0u);
}

TEST(SignatureSightings, memory_is_bounded_and_charged) {
  MemoryBudget memory{1u << 30};
  SignatureSightings sightings{memory, 100};
  Clock::time_point now{};
  const auto hot = sightings.key_of("hot");
  for (int i = 0; i < 1000; ++i) {
    sightings.add(sightings.key_of(std::to_string(i)), now += std::chrono::seconds(1));
    EXPECT_EQ(sightings.add(hot, now), static_cast<std::uint64_t>(i + 1))
        << "a flood of others does not make it forgotten";
  }
  EXPECT_EQ(sightings.size(), 100u);
  EXPECT_GT(memory.used(), 100 * sizeof(SignatureSightings::Key));

  MemoryBudget small{8192};
  SignatureSightings few{small};
  for (int i = 0; i < 1000; ++i) few.add(few.key_of(std::to_string(i)), now);
  EXPECT_LT(few.size(), 100u);
  EXPECT_FALSE(small.used_up());
}

TEST(SignatureSightings, takes_a_sixteenth_of_the_budget) {
  MemoryBudget memory{1u << 20};
  SignatureSightings sightings{memory};
  for (int i = 0; i < 5000; ++i) sightings.add(sightings.key_of(std::to_string(i)), {});
  EXPECT_GT(sightings.size(), 100u);
  EXPECT_LE(memory.used(), memory.limit() / 16 + MemoryCharge::step);
}

TEST(SignatureSightings, gives_its_memory_back_without_new_messages) {
  MemoryBudget memory{1u << 20};
  SignatureSightings sightings{memory};
  const Clock::time_point start{};
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) sightings.add(sightings.key_of(std::to_string(i)), start);
  };
  fill();
  sightings.tidy(start + hours(23));
  EXPECT_EQ(sightings.size(), 100u);
  sightings.tidy(start + hours(24));
  EXPECT_EQ(sightings.size(), 0u);
  EXPECT_EQ(memory.used(), 0u);

  fill();
  const MemoryCharge sessions{memory, memory.limit() / 10 * 8};
  ASSERT_TRUE(memory.low());
  sightings.tidy(start);
  EXPECT_EQ(sightings.size(), 0u);
  EXPECT_EQ(memory.used(), sessions.charged());
  EXPECT_EQ(sightings.add(sightings.key_of("1"), start), 1u);
}

TEST(SignatureSightings, threads_share_it) {
  MemoryBudget memory{1u << 30};
  SignatureSightings sightings{memory, 10};
  const auto key = sightings.key_of("one");
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) sightings.add(key, Clock::time_point{});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sightings.add(key, Clock::time_point{}), 4001u);
}

}  // namespace
}  // namespace postern::gateway
