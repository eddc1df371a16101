#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/patience_test.h"
#include "base/thread.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
constexpr auto generous = tests::patience;

Task<Result<void>> store(std::shared_ptr<bool> stored) {
  *stored = true;
  co_return Result<void>();
}

Task<Result<int>> number(int value) { co_return value; }

Task<Result<void>> broken() {
  throw std::runtime_error("broken");
  co_return Result<void>();
}

Task<Result<void>> sleep(boost::asio::io_context& loop, std::shared_ptr<std::promise<void>> begun) {
  boost::asio::steady_timer timer(loop, 1h);
  begun->set_value();
  co_await timer.async_wait(boost::asio::use_awaitable);
  begun.reset();
  co_return Result<void>();
}

struct Running {
  EventLoop loop;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      loop.get_executor()};
  std::thread thread = named_thread("test-loop", [this] { loop.run(); });
  void end() {
    loop.stop();
    if (thread.joinable()) thread.join();
  }
  ~Running() { end(); }
};

TEST(Ask, answers_what_the_task_says) {
  Running running;
  const Result<int> answer = ask(running.loop, number(7), generous);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, 7);
}

// Regression: it reported success, so mail was deleted although its report was not stored.
TEST(Ask, no_answer_in_time_is_an_error) {
  EventLoop loop;  // never run
  const auto stored = std::make_shared<bool>(false);
  const Result<void> answer = ask(loop, store(stored), 1ms);
  EXPECT_FALSE(*stored);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
}

TEST(Ask, a_stopped_loop_is_not_waited_for) {
  EventLoop loop;
  loop.stop();
  const auto begun = std::chrono::steady_clock::now();
  const Result<void> answer = ask(loop, store(std::make_shared<bool>()), generous);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, generous);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
}

TEST(Ask, a_loop_that_is_cleared_meanwhile_is_an_error) {
  Running running;
  const auto begun = std::make_shared<std::promise<void>>();
  std::promise<Result<void>> got;
  std::thread asker = named_thread("test-asker", [&] {
    got.set_value(ask(running.loop, sleep(running.loop, begun), generous));
  });
  begun->get_future().get();
  running.end();
  running.loop.clear();
  const Result<void> answer = got.get_future().get();
  asker.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
}

TEST(Ask, throws_what_the_task_throws) {
  Running running;
  EXPECT_THROW((void)ask(running.loop, broken(), generous), std::runtime_error);
}

TEST(EventLoop, clearing_it_destroys_what_waits_there) {
  Running running;
  const auto held = std::make_shared<std::promise<void>>();
  boost::asio::co_spawn(running.loop, sleep(running.loop, held),
                        [](const std::exception_ptr&, const Result<void>&) {});
  held->get_future().get();
  EXPECT_GT(held.use_count(), 1);
  running.end();
  running.loop.clear();
  EXPECT_EQ(held.use_count(), 1);
  running.loop.clear();
}

}  // namespace
}  // namespace postern::net
