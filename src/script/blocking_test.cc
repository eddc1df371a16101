#include "script/blocking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "base/patience_test.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

Task<void> pass(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// A world whose threads do a job when it is ended().
class SlowWorld final : public World {
 public:
  Task<Result<HttpAnswer>> http(HttpQuestion, Clock::time_point) override {
    co_return fail(Fault::temporary, "nobody answers");
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    asio::steady_timer timer(co_await asio::this_coro::executor, slow ? 1h : 1ms);
    ended = [&timer] { timer.cancel(); };
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    ended = [] {};
    job();
    ++done;
    co_return Result<void>{};
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
  bool slow = false;
  std::function<void()> ended = [] {};
  int done = 0;
};

Task<bool> work(Call& call) {
  const auto right = std::make_shared<bool>(false);
  const Result<void> done = co_await blocking(call, [right] { *right = true; });
  demand(done.has_value(), done ? "" : done.error().message);
  co_return *right;
}
Task<bool> fails(Call& call) {
  const Result<void> done = co_await blocking(call, [] { throw std::runtime_error("broken"); });
  co_return done.has_value();
}
/// A host function that ignores the deadline.
Task<bool> doze(std::int64_t milliseconds) {
  co_await pass(std::chrono::milliseconds(milliseconds));
  co_return true;
}
/// Computes in C++, where no budget counts.
void compute(std::int64_t milliseconds) {
  const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  while (Clock::now() < end) {
  }
}
void spaced_result(Call& call, Rest rest) {
  for (const json::value& value : rest.values)
    *call.context<std::string>() += json::serialize(value) + " ";
}
const HostFunction blocking_functions[] = {{"t.work", "", "boolean", "", bind<&work>},
                                           {"t.fails", "", "boolean", "", bind<&fails>},
                                           {"t.doze", "ms: integer", "boolean", "", bind<&doze>},
                                           {"t.compute", "ms: integer", "", "", bind<&compute>},
                                           {"t.result", "...: any", "", "", bind<&spaced_result>}};

struct Blocking : ::testing::Test {
  struct Ended {
    std::string said;
    Stopped stopped = Stopped::no;
  };
  Ended run(const std::string& text, std::chrono::milliseconds time) {
    Ended ended;
    asio::io_context loop;
    asio::co_spawn(loop, one(text, time, ended), asio::detached);
    loop.run();
    return ended;
  }
  Task<void> one(std::string text, std::chrono::milliseconds time, Ended& ended) {
    Call call(world, {.time = time}, &ended.said);
    const auto raised = co_await state.run(text, "policy.lua", call);
    if (world.slow) world.ended();
    if (!raised) co_return;
    ended.said += "error: " + raised->message;
    ended.stopped = raised->stopped;
  }

  SlowWorld world;
  struct Setup setup{.tables = {blocking_functions}, .modules = {}, .globals = {"t"}, .files = {}};
  State state{setup};
};

TEST_F(Blocking, work_in_time_gives_its_result) {
  EXPECT_EQ(run("t.result(t.work())", tests::patience).said, "true ");
  EXPECT_EQ(run("t.result(pcall(t.fails))", tests::patience).said, R"(false "broken" )");
  EXPECT_EQ(world.done, 1);
}

TEST_F(Blocking, nobody_waits_for_work_beyond_the_deadline) {
  world.slow = true;
  for (const char* text : {"t.result(t.work())", "t.result(pcall(t.work))",
                           "local ok = pcall(t.work) t.result('granted')",
                           "coroutine.wrap(function() pcall(t.work) t.result('granted') end)()"}) {
    const Ended ended = run(text, 50ms);
    EXPECT_EQ(ended.stopped, Stopped::time) << text;
    EXPECT_THAT(ended.said, ::testing::EndsWith("it took too long")) << text;
  }
  EXPECT_EQ(world.done, 4) << "what was begun is ended";
  EXPECT_EQ(run("t.result('alive')", tests::patience).said, R"("alive" )");
}

TEST_F(Blocking, what_comes_after_the_deadline_is_no_answer) {
  for (const char* text :
       {"t.doze(100) t.result('granted')", "local ok = t.doze(100) or true t.result('granted')",
        "pcall(function() t.doze(100) end) t.result('granted')", "return t.doze(100)",
        "t.compute(100)"}) {
    const Ended ended = run(text, 50ms);
    EXPECT_EQ(ended.stopped, Stopped::time) << text;
    EXPECT_EQ(ended.said.find("granted"), std::string::npos) << text;
    EXPECT_NE(ended.said.find("stopped: it took too long"), std::string::npos) << ended.said;
  }
}

}  // namespace
}  // namespace postern::script
