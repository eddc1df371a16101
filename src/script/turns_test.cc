#include "script/turns.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/patience_test.h"

namespace postern::script {
namespace {
namespace asio = boost::asio;

constexpr char somebody_else = '.';

Task<void> one(Turns& turns, std::string& order, char name) {
  co_await turns.next();
  order += name;
}

/// Other work of the loop; it notes when the loop runs it.
Task<void> others(std::string& order, int rounds) {
  const auto loop = co_await asio::this_coro::executor;
  for (int i = 0; i < rounds; ++i) {
    co_await asio::post(loop, asio::use_awaitable);
    order += somebody_else;
  }
}

std::string without_others(std::string order) {
  std::erase(order, somebody_else);
  return order;
}

TEST(Turns, whoever_comes_alone_goes_on_at_once) {
  asio::io_context loop;
  Turns turns;
  std::string order;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(loop, one(turns, order, 'a'), asio::detached);
    loop.restart();
    ASSERT_EQ(loop.run_one(), 1u);
    EXPECT_EQ(order, std::string(i + 1, 'a')) << "in the handler that began it";
    loop.run();
  }
}

TEST(Turns, those_who_come_together_go_on_in_order_with_others_between) {
  asio::io_context loop;
  Turns turns;
  std::string order;
  for (const char name : {'a', 'b', 'c', 'd', 'e'})
    asio::co_spawn(loop, one(turns, order, name), asio::detached);
  asio::co_spawn(loop, others(order, 20), asio::detached);
  loop.run();
  EXPECT_EQ(without_others(order), "abcde");
  for (const char* together : {"bc", "cd", "de"})
    EXPECT_EQ(order.find(together), std::string::npos) << order;
}

TEST(Turns, a_line_that_has_ended_begins_anew) {
  asio::io_context loop;
  Turns turns;
  std::string order;
  for (const char name : {'a', 'b'}) asio::co_spawn(loop, one(turns, order, name), asio::detached);
  loop.run();
  for (const char name : {'c', 'd'}) asio::co_spawn(loop, one(turns, order, name), asio::detached);
  loop.restart();
  loop.run();
  EXPECT_EQ(order, "abcd");
}

// Checked by the sanitizer: no destroyed object is used.
TEST(Turns, loop_and_line_may_go_while_somebody_waits) {
  std::string order;
  std::optional<Turns> turns(std::in_place);
  {
    asio::io_context loop;
    for (const char name : {'a', 'b', 'c'})
      asio::co_spawn(loop, one(*turns, order, name), asio::detached);
    loop.poll_one();
    loop.poll_one();
    loop.poll_one();
    turns.reset();
  }
  EXPECT_EQ(order, "a");
}

TEST(Turns, a_loop_that_is_stopped_keeps_no_turn) {
  Turns turns;
  std::string order;
  for (const char name : {'a', 'b'}) {
    asio::io_context loop;
    asio::co_spawn(loop, one(turns, order, name), [&](std::exception_ptr) { loop.stop(); });
    loop.run_for(tests::patience);
  }
  EXPECT_EQ(order, "ab");
}

Task<void> hold(Turns& turns, std::string name, std::string& order,
                std::chrono::milliseconds patience) {
  const bool came = co_await turns.take(Clock::now() + patience);
  if (!came) {
    order += "-" + name;
    co_return;
  }
  order += "+" + name;
  while (order.find("-b") == std::string::npos) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
  order += name;
  turns.give_back();
}

TEST(Turns, come_one_after_the_other_or_not_in_time) {
  using std::chrono::milliseconds;
  asio::io_context loop;
  Turns turns;
  std::string order;
  for (const auto& [name, patience] :
       std::vector<std::pair<std::string, milliseconds>>{{"a", tests::patience},
                                                         {"b", milliseconds(5)},
                                                         {"c", tests::patience},
                                                         {"d", tests::patience}}) {
    asio::co_spawn(loop, hold(turns, name, order, patience), asio::detached);
  }
  loop.run();
  EXPECT_EQ(order, "+a-ba+cc+dd");
}

}  // namespace
}  // namespace postern::script
