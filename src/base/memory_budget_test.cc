#include "base/memory_budget.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace postern {
namespace {

constexpr std::uint64_t charge_step = MemoryCharge::step;

TEST(MemoryBudget, what_is_charged_is_given_back) {
  MemoryBudget budget(100 * charge_step);
  {
    MemoryCharge one(budget, 1);
    EXPECT_EQ(budget.used(), charge_step);
    EXPECT_TRUE(one.set(3 * charge_step));
    EXPECT_EQ(budget.used(), 3 * charge_step);
    EXPECT_TRUE(one.set(charge_step + 1));
    EXPECT_EQ(budget.used(), 2 * charge_step);
    MemoryCharge other = std::move(one);
    EXPECT_EQ(one.charged(), 0u);
    EXPECT_EQ(budget.used(), 2 * charge_step);
    other = MemoryCharge(budget, 5 * charge_step);
    EXPECT_EQ(budget.used(), 5 * charge_step);
  }
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(budget.refusals(), 0u);
}

TEST(MemoryBudget, beyond_the_limit_only_growth_is_refused) {
  MemoryBudget budget(10 * charge_step);
  MemoryCharge first(budget);
  MemoryCharge second(budget);
  EXPECT_TRUE(first.set(8 * charge_step));
  EXPECT_FALSE(budget.low());
  EXPECT_TRUE(second.set(2 * charge_step));
  EXPECT_TRUE(budget.low());
  EXPECT_FALSE(second.set(3 * charge_step));
  EXPECT_EQ(budget.used(), 11 * charge_step) << "what is there counts until it is let go of";
  EXPECT_TRUE(budget.used_up());
  EXPECT_TRUE(first.set(7 * charge_step)) << "whoever gives back is not refused";
  EXPECT_TRUE(second.set(3 * charge_step)) << "nor whoever keeps what it has";
  second.clear();
  EXPECT_EQ(budget.used(), 7 * charge_step);
  EXPECT_EQ(budget.refusals(), 1u);
}

TEST(MemoryBudget, the_peak_is_that_since_it_was_taken) {
  MemoryBudget budget(10 * charge_step);
  MemoryCharge charge(budget, 9 * charge_step);
  charge.clear();
  EXPECT_EQ(budget.take_peak(), 9 * charge_step);
  EXPECT_EQ(budget.take_peak(), 0u);
}

TEST(MemoryBudget, a_charge_without_a_budget_costs_nothing) {
  MemoryCharge none;
  EXPECT_TRUE(none.set(1 << 30));
  EXPECT_EQ(none.charged(), 0u);
}

TEST(MemoryBudget, threads_leave_nothing_behind) {
  MemoryBudget budget(1 << 30);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&budget] {
      for (std::uint64_t n = 0; n < 10'000; ++n) {
        MemoryCharge charge(budget, n % 7 * charge_step);
        (void)charge.set(n % 5 * charge_step);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace postern
