#include "deliver/delivery_gate.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/patience_test.h"

namespace postern::deliver {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct Seen {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> entered{0};
  std::atomic<int> refused{0};
  std::vector<int> order;
  bool until_refusal = false;  ///< they stay until somebody was refused
};

Task<void> visit(DeliveryGate* gate, std::string webhook, std::chrono::milliseconds patience,
                 std::chrono::milliseconds stay, Seen* seen, int number) {
  const DeliveryGate::Place place = co_await gate->enter(webhook, patience);
  if (!place) {
    ++seen->refused;
    co_return;
  }
  if (number >= 0) seen->order.push_back(number);
  ++seen->entered;
  const int now = ++seen->inside;
  for (int most = seen->most; most < now && !seen->most.compare_exchange_weak(most, now);) {
  }
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  do {
    asio::steady_timer timer(executor, stay);
    co_await timer.async_wait(asio::use_awaitable);
  } while (seen->until_refusal && seen->refused == 0);
  --seen->inside;
}

TEST(DeliveryGate, lets_so_many_in_and_the_rest_in_order) {
  DeliveryGate gate(2);
  Seen seen;
  asio::io_context loop;
  for (int i = 0; i < 8; ++i)
    asio::co_spawn(loop, visit(&gate, "wh_1", tests::patience, 5ms, &seen, i), asio::detached);
  loop.run();
  EXPECT_EQ(seen.most, 2);
  EXPECT_EQ(seen.order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(DeliveryGate, what_is_inside_and_what_waits_may_outlive_it) {
  Seen seen;
  asio::io_context loop;
  {
    DeliveryGate gate(1);
    for (int i = 0; i < 3; ++i)
      asio::co_spawn(loop, visit(&gate, "wh_1", 1h, 1h, &seen, i), asio::detached);
    while (seen.entered == 0) loop.run_one();
    loop.poll();
  }
  EXPECT_EQ(seen.entered, 1);
  EXPECT_EQ(seen.refused, 0);
  // The coroutines are destroyed with the loop and return their places although the gate is gone.
}

TEST(DeliveryGate, holds_up_nobody_else) {
  DeliveryGate gate(1);
  Seen slow;
  Seen other;
  asio::io_context loop;
  asio::co_spawn(loop, visit(&gate, "wh_1", tests::patience, 50ms, &slow, 0), asio::detached);
  asio::co_spawn(loop, visit(&gate, "wh_2", 0ms, 1ms, &other, 0), asio::detached);
  loop.run();
  EXPECT_EQ(other.entered, 1);
}

TEST(DeliveryGate, waits_no_longer_than_told_and_keeps_count) {
  DeliveryGate gate(1);
  Seen seen;
  seen.until_refusal = true;
  asio::io_context loop;
  asio::co_spawn(loop, visit(&gate, "wh_1", tests::patience, 1ms, &seen, 0), asio::detached);
  asio::co_spawn(loop, visit(&gate, "wh_1", 10ms, 1ms, &seen, 1), asio::detached);
  asio::co_spawn(loop, visit(&gate, "wh_1", tests::patience, 1ms, &seen, 2), asio::detached);
  loop.run();
  EXPECT_EQ(seen.refused, 1);
  EXPECT_EQ(seen.order, (std::vector<int>{0, 2}));
  loop.restart();
  asio::co_spawn(loop, visit(&gate, "wh_1", 0ms, 1ms, &seen, 3), asio::detached);
  loop.run();
  EXPECT_EQ(seen.order.back(), 3);
}

TEST(DeliveryGate, counts_over_all_loops) {
  DeliveryGate gate(3);
  Seen seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      asio::io_context loop;
      for (int i = 0; i < 100; ++i)
        asio::co_spawn(loop, visit(&gate, "wh_1", tests::patience, 0ms, &seen, -1), asio::detached);
      loop.run();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.entered, 400);
  EXPECT_LE(seen.most, 3);
}

}  // namespace
}  // namespace postern::deliver
