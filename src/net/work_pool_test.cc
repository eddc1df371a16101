#include "net/work_pool.h"

#include <atomic>
#include <ctime>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
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

/// Blocks one thread until `release`, so that the queue can be filled.
class WorkPoolTurns : public testing::Test {
 protected:
  void hold(Shares shares = {}, std::size_t queue = 100) {
    pool_ = std::make_unique<WorkPool>(1, queue, "work", shares);
    add({}, "first", [this] { release_.wait(); });
    while (pool_->waiting() != 0 || !begun_) loop_.poll();
  }
  void add(Turn turn, std::string name, std::function<void()> work = [] {}) {
    auto job = [this, name, work = std::move(work)] {
      begun_ = true;
      work();
      const std::lock_guard lock(mutex_);
      order_ += name + " ";
      return 0;
    };
    auto run = [](WorkPool& pool, Turn whose, std::function<int()> one, std::string called,
                  std::map<std::string, std::string>& refused) -> Task<void> {
      const Result<int> done = co_await pool.run(std::move(whose), std::move(one));
      if (!done) refused[called] = done.error().message;
    };
    co_spawn(loop_, run(*pool_, std::move(turn), std::move(job), std::move(name), refused_),
             detached);
    loop_.poll();
  }
  std::string finish() {
    release_.count_down();
    loop_.restart();
    loop_.run();
    return order_;
  }
  static void burn(double seconds) {
    timespec start{};
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while (static_cast<double>(now.tv_sec - start.tv_sec) +
                 static_cast<double>(now.tv_nsec - start.tv_nsec) * 1e-9 <
             seconds);
  }

  boost::asio::io_context loop_;
  std::unique_ptr<WorkPool> pool_;
  std::latch release_{1};
  std::atomic<bool> begun_ = false;
  std::mutex mutex_;
  std::string order_;
  std::map<std::string, std::string> refused_;
};

TEST_F(WorkPoolTurns, a_flood_of_one_account_is_not_the_others_wait) {
  hold();
  for (int i = 0; i < 20; ++i) add({.account = "a", .client = std::to_string(i)}, "a");
  add({.account = "b", .client = "9"}, "b");
  const std::string order = finish();
  EXPECT_LE(order.find("b"), std::string("first a ").size()) << order;
}

TEST_F(WorkPoolTurns, a_full_queue_has_room_for_another_account) {
  hold({}, 3);
  for (int i = 0; i < 3; ++i) add({.account = "a", .client = "1"}, "a" + std::to_string(i));
  add({.account = "b", .client = "2"}, "b");
  EXPECT_EQ(finish(), "first a0 b a1 ");
  EXPECT_EQ(refused_["a2"], "the work queue is full");
}

TEST_F(WorkPoolTurns, who_waited_too_long_is_told_so) {
  hold();
  add({.account = "a", .client = "1", .patience = std::chrono::milliseconds(1)}, "a");
  add({.account = "a", .client = "1", .patience = std::chrono::hours(1)}, "b");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(finish(), "first b ");
  EXPECT_EQ(refused_["a"], "no thread in time");
}

TEST_F(WorkPoolTurns, a_share_counts_while_others_wait) {
  using std::chrono::milliseconds;
  hold({.account = milliseconds(20), .client = milliseconds(20)});
  std::latch burnt(1);
  std::latch go_on(1);
  add({.account = "a", .client = "1"}, "a0", [] { burn(0.05); });
  add({}, "wait", [&] {
    burnt.count_down();
    go_on.wait();
  });
  release_.count_down();
  while (!burnt.try_wait()) loop_.poll();
  add({.account = "a", .client = "2"}, "alone");
  add({.account = "b", .client = "3"}, "b0");
  add({.account = "a", .client = "4"}, "a1");
  add({.account = "c", .client = "1"}, "c0");
  add({.account = "b", .client = "3"}, "b1");
  go_on.count_down();
  loop_.restart();
  loop_.run();
  EXPECT_THAT(order_, testing::AllOf(testing::HasSubstr("alone"), testing::HasSubstr("b0"),
                                     testing::HasSubstr("b1")));
  EXPECT_EQ(refused_.size(), 2u);
  EXPECT_TRUE(refused_.contains("a1")) << "its account has used its share";
  EXPECT_TRUE(refused_.contains("c0")) << "its client has";
}

}  // namespace
}  // namespace postern::net
