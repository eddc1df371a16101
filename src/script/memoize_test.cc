#include "script/memoize.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

void result(Call& call, std::string text) { *call.context<std::string>() += text + ";"; }
Task<void> wait(std::int64_t milliseconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(asio::use_awaitable);
}

const HostFunction functions[] = {
    {"t.result", "text: string", "", "", bind<&result>},
    {"t.wait", "milliseconds: integer", "", "", bind<&wait>},
    {"t.memoize", "f: function, options: table", "function", "", memoize},
};

struct Memoize : ::testing::Test {
  struct Setup setup{.tables = {functions},
                     .modules = {},
                     .globals = {"t"},
                     .files = {},
                     .memos = std::make_shared<Memos>()};
  testing::TestWorld world;
  State state{setup};
  int caches = 0;  ///< a cache is shared by its name

  std::string run(const std::string& text) {
    std::string got;
    Call call(world, {}, &got);
    const auto raised = testing::run(state.run(text, "policy.lua", call));
    return raised ? "error: " + raised->message : got;
  }
  /// With `n`, the number of calls so far, and `f`, which is memoized.
  std::string with(const std::string& body, const std::string& options, const std::string& text) {
    return run("local n = 0 local f = t.memoize(function(...) n = n + 1 " + body +
               " end, {name = 'f" + std::to_string(++caches) +
               "', ttl = '1 minute', capacity = 100" + options + "}) " + text);
  }
};

TEST_F(Memoize, RemembersByTypedArguments) {
  EXPECT_EQ(with("return n", "", "t.result(f('a') .. f('a') .. f('b') .. f('a'))"), "1121;");
  EXPECT_EQ(with("return n", "",
                 "t.result(table.concat({f('a', 'b'), f({'a', 'b'}), f('1'), f(1), f(), f(nil),"
                 "f(true), f('true'), f('a', 'b')}, ' '))"),
            "1 2 3 4 5 6 7 8 1;");
}

TEST_F(Memoize, KeepsAnyDataAndSeveralResultsAsAList) {
  EXPECT_EQ(with("return {a = {1, 2}, n = n}", "", "f() local t1 = f() t.result(t1.n .. #t1.a)"),
            "12;");
  EXPECT_EQ(with("return 'x', n", "", "f() t.result(f()[1] .. f()[2])"), "x1;");
  EXPECT_EQ(with("return false", "", "f() t.result(tostring(f()) .. n)"), "false1;");
  EXPECT_EQ(with("", "", "f() t.result(tostring(f()) .. n)"), "nil1;");
  EXPECT_EQ(with("return false", ", negative_ttl = 0", "f() t.result(tostring(f()) .. n)"),
            "false2;");
  EXPECT_EQ(with("return function() end", "", "t.result(tostring(pcall(f)))"), "false;");
}

TEST_F(Memoize, ErrorsAreNotRememberedAndStayThemselves) {
  EXPECT_EQ(with("if n == 1 then error({code = 7}) end return n", "",
                 "local ok, e = pcall(f) t.result(tostring(ok) .. e.code .. f() .. f())"),
            "false722;");
}

TEST_F(Memoize, TheOneNotUsedForLongestGoes) {
  EXPECT_EQ(run("local n = 0 local f = t.memoize(function(k) n = n + 1 return k end,"
                "{name = 'lru', ttl = 60, capacity = 2}) f'a' f'b' f'a' f'c' local b = n f'a'"
                "local hit = n - b f'b' t.result(b .. hit .. n)"),
            "304;");
}

TEST_F(Memoize, ResultsEndWithTheirTime) {
  EXPECT_EQ(with("return n", ", ttl = '20 ms'", "f() t.wait(40) t.result(tostring(f()))"), "2;");
}

TEST_F(Memoize, OptionsAreChecked) {
  const std::pair<const char*, const char*> cases[] = {
      {"{name = 'x', capacity = 1}", "memoize: option 'ttl' is missing"},
      {"{name = 'x', ttl = 1}", "memoize: option 'capacity' is missing"},
      {"{ttl = 1, capacity = 1}", "memoize: option 'name' is missing"},
      {"{name = 'x', ttl = 1, capacity = 0}", "memoize: 'capacity' must be positive"},
      {"{name = 'x', ttl = 'soon', capacity = 1}",
       "`soon` is no duration like '5 minutes': a whole number is expected"},
      {"{name = 'x', ttl = 1, capacity = 1, tll = 2}", "memoize: unknown option 'tll'"},
  };
  for (const auto& [options, wanted] : cases) {
    EXPECT_EQ(run(std::string("\nt.memoize(print, ") + options + ")"),
              "error: policy.lua:2: " + std::string(wanted));
  }
}

Task<void> start(State& state, Call& call, std::string text) {
  const auto raised = co_await state.run(text, "policy.lua", call);
  if (raised) *call.context<std::string>() += raised->message + ";";
}

TEST_F(Memoize, OneComputationAtATimeForAllWhoAsk) {
  const std::string text =
      "runs = (runs or 0) local f = t.memoize(function() runs = runs + 1 t.wait(20) "
      "return 'v' .. runs end, {name = 'one', ttl = 60, capacity = 9}) t.result(f('k'))";
  State other{setup};
  std::string got;
  asio::io_context loop;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 6; ++i) {
    calls.push_back(std::make_unique<Call>(world, Limits{}, &got));
    asio::co_spawn(loop, start(i % 2 == 0 ? state : other, *calls.back(), text), asio::detached);
  }
  loop.run();
  EXPECT_EQ(got, "v1;v1;v1;v1;v1;v1;");
}

TEST_F(Memoize, WhoWaitsForAComputationThatIsStoppedIsToldSo) {
  const std::string text =
      "local f = t.memoize(function() t.wait(5) while true do end end,"
      "{name = 'stuck', ttl = 60, capacity = 9}) f('k')";
  std::string got;
  asio::io_context loop;
  Call first(world, {.instructions = 100'000}, &got);
  Call second(world, {.instructions = 100'000}, &got);
  asio::co_spawn(loop, start(state, first, text), asio::detached);
  asio::co_spawn(loop, start(state, second, text), asio::detached);
  loop.run();
  EXPECT_NE(got.find("used up its instructions;"), std::string::npos) << got;
  EXPECT_EQ(std::count(got.begin(), got.end(), ';'), 2) << got;
}

}  // namespace
}  // namespace postern::script
