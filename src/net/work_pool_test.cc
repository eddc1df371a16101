#include "net/work_pool.h"

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace postern::net {
namespace {

using boost::asio::co_spawn;
using boost::asio::detached;

Task<void> remember(WorkPool& pool, std::function<int()> work, std::optional<Result<int>>& out) {
  Result<int> result = co_await pool.run(std::move(work));
  out = std::move(result);
}

TEST(WorkPool, runs_on_another_thread_and_resumes_on_the_loop) {
  boost::asio::io_context loop;
  WorkPool pool(1, 4);
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  std::optional<Result<int>> out;
  co_spawn(loop,
           remember(
               pool,
               [&there] {
                 there = std::this_thread::get_id();
                 return 7;
               },
               out),
           detached);
  loop.run();
  ASSERT_TRUE(out && out->has_value());
  EXPECT_EQ(**out, 7);
  EXPECT_NE(there, here);
}

TEST(WorkPool, refuses_when_the_queue_is_full_and_recovers) {
  boost::asio::io_context loop;
  WorkPool pool(1, 1);
  std::latch started(1);
  std::latch release(1);
  std::optional<Result<int>> first;
  std::optional<Result<int>> second;
  std::optional<Result<int>> third;
  co_spawn(loop,
           remember(
               pool,
               [&] {
                 started.count_down();
                 release.wait();
                 return 1;
               },
               first),
           detached);
  while (!started.try_wait()) loop.poll();
  co_spawn(loop, remember(pool, [] { return 2; }, second), detached);
  co_spawn(loop, remember(pool, [] { return 3; }, third), detached);
  while (!third) loop.run_one();
  EXPECT_EQ(pool.waiting(), 1u);
  release.count_down();
  loop.run();
  EXPECT_EQ(first.value().value(), 1);
  EXPECT_EQ(second.value().value(), 2);
  ASSERT_FALSE(third->has_value());
  EXPECT_EQ(third->error().fault, Fault::temporary);
  std::optional<Result<int>> later;
  loop.restart();
  co_spawn(loop, remember(pool, [] { return 4; }, later), detached);
  loop.run();
  EXPECT_EQ(later.value().value(), 4);
}

TEST(WorkPool, hands_on_what_the_work_throws) {
  boost::asio::io_context loop;
  WorkPool pool(1, 1);
  std::optional<Result<int>> out;
  auto task = remember(pool, []() -> int { throw std::runtime_error("x"); }, out);
  auto done = co_spawn(loop, std::move(task), boost::asio::use_future);
  loop.run();
  EXPECT_THROW(done.get(), std::runtime_error);
}

TEST(WorkPool, fails_what_waits_when_it_stops) {
  boost::asio::io_context loop;
  WorkPool pool(1, 4);
  std::latch started(1);
  std::latch release(1);
  std::optional<Result<int>> first;
  std::optional<Result<int>> second;
  co_spawn(loop,
           remember(
               pool,
               [&] {
                 started.count_down();
                 release.wait();
                 return 1;
               },
               first),
           detached);
  while (!started.try_wait()) loop.poll();
  co_spawn(loop, remember(pool, [] { return 2; }, second), detached);
  while (pool.waiting() == 0) loop.poll();
  std::thread stopper([&] { pool.stop(); });
  release.count_down();
  stopper.join();
  loop.run();
  EXPECT_EQ(first.value().value(), 1);
  EXPECT_EQ(second.value().error().fault, Fault::temporary);
  std::optional<Result<int>> after;
  loop.restart();
  co_spawn(loop, remember(pool, [] { return 3; }, after), detached);
  loop.run();
  EXPECT_FALSE(after->has_value());
}

}  // namespace
}  // namespace postern::net
