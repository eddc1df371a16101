#include "config/reaper.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "config/script_runtime.h"

namespace postern::app {
namespace {

using namespace std::chrono_literals;

struct Slow {
  std::shared_future<void> may_end;
  std::promise<std::thread::id> ended_on;
  ~Slow() {
    may_end.wait();
    ended_on.set_value(std::this_thread::get_id());
  }
};

TEST(Reaper, who_lets_go_last_does_not_wait_for_the_end) {
  std::promise<void> end;
  auto slow = std::make_shared<Slow>();
  slow->may_end = end.get_future().share();
  std::future<std::thread::id> ended_on = slow->ended_on.get_future();
  std::shared_ptr<Slow> held = reaped(std::move(slow));
  held.reset();  // would wait forever
  end.set_value();
  EXPECT_NE(ended_on.get(), std::this_thread::get_id());
  Reaper::instance().finish();
}

TEST(Reaper, finishing_waits_for_what_was_taken_and_it_begins_again) {
  for (int round = 0; round < 3; ++round) {
    const auto held = std::make_shared<int>(round);
    for (int i = 0; i < 10; ++i) Reaper::instance().take(held);
    Reaper::instance().finish();
    EXPECT_EQ(held.use_count(), 1);
  }
}

/// Every command that loads a policy ends like this: the policy owns a runtime.
TEST(Reaper, finishing_waits_for_what_goes_with_what_was_taken) {
  struct Policy {
    std::shared_ptr<int> runtime;
  };
  for (int round = 0; round < 50; ++round) {
    const auto counted = std::make_shared<int>(round);
    auto policy = std::make_shared<Policy>();
    policy->runtime = reaped(counted);
    std::shared_ptr<Policy> held = reaped(std::move(policy));
    held.reset();
    Reaper::instance().finish();
    EXPECT_EQ(counted.use_count(), 1);
  }
}

// The last session releases a replaced policy on an event loop that other sessions need. A blocking
// job of the runtime delayed the loop.
TEST(Reaper, a_runtime_that_still_works_does_not_hold_up_the_loop_that_lets_go_of_it) {
  auto opened = ScriptRuntime::open({.servers = {"127.0.0.1:9"}, .resolv_conf = ""}, "");
  ASSERT_TRUE(opened) << opened.error().message;
  std::shared_ptr<ScriptRuntime> runtime = std::move(*opened);
  std::promise<void> begun;
  std::promise<void> end;
  boost::asio::io_context loop;
  boost::asio::co_spawn(
      loop,
      [](ScriptRuntime* on, std::promise<void>* begun, std::shared_future<void> end) -> Task<void> {
        std::function<void()> job = [begun, end] {
          begun->set_value();
          end.wait();
        };
        (void)co_await on->world().blocking(std::move(job));
      }(runtime.get(), &begun, end.get_future().share()),
      boost::asio::detached);
  loop.poll();
  begun.get_future().wait();
  runtime.reset();  // would wait for the job, and thus forever
  end.set_value();
  loop.run();
  Reaper::instance().finish();
}

}  // namespace
}  // namespace postern::app
