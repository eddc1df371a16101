#include "serve/reload_desk.h"

#include <csignal>
#include <future>
#include <optional>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "config/signals.h"

namespace postern::app {
namespace {

namespace asio = boost::asio;

/// Asks on a loop of its own, which is run as far as it goes.
class Reloads : public ::testing::Test {
 protected:
  std::shared_ptr<std::optional<Result<ReloadOutcome>>> ask() {
    auto answer = std::make_shared<std::optional<Result<ReloadOutcome>>>();
    asio::co_spawn(loop_, desk_.ask(),
                   [answer](const std::exception_ptr&, Result<ReloadOutcome> outcome) {
                     *answer = std::move(outcome);
                   });
    go_on();
    return answer;
  }
  void go_on() {
    loop_.restart();
    loop_.poll();
  }
  static bool signalled() {
    sigset_t pending{};
    ::sigpending(&pending);
    if (::sigismember(&pending, SIGHUP) != 1) return false;
    int signal = 0;
    const sigset_t all = awaited_signals();
    return ::sigwait(&all, &signal) == 0 && signal == SIGHUP;
  }

  const SignalsBlocked blocked_;
  asio::io_context loop_{1};
  ReloadDesk desk_;
};

TEST_F(Reloads, answer_those_who_asked_before_they_began) {
  desk_.open();
  const auto first = ask();
  EXPECT_TRUE(signalled());
  const auto taken = desk_.take();
  const auto second = ask();  // while that reload runs
  EXPECT_TRUE(signalled()) << "there is a further one";
  ReloadDesk::answer(taken, {.in_force = true});
  go_on();
  ASSERT_TRUE(*first);
  EXPECT_TRUE((**first)->in_force);
  EXPECT_FALSE(*second);
  ReloadDesk::answer(desk_.take(), {.error = "no"});
  go_on();
  ASSERT_TRUE(*second);
  EXPECT_FALSE((**second)->in_force);
  EXPECT_EQ((**second)->error, "no");
}

TEST_F(Reloads, are_not_taken_before_the_start_and_after_the_stop) {
  const auto early = ask();
  ASSERT_TRUE(*early);
  EXPECT_EQ((*early)->error().fault, Fault::temporary);
  desk_.open();
  const auto waiting = ask();
  EXPECT_TRUE(signalled());
  desk_.close();
  go_on();
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->error().fault, Fault::temporary);
  EXPECT_FALSE((*ask())->has_value());
  EXPECT_FALSE(signalled());
}

}  // namespace
}  // namespace postern::app
