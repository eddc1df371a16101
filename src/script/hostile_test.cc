// What the author of a hostile policy would try: to leave the sandbox, to run without end, to crash
// the process, to reach other sessions.
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "script/host_functions_test.h"
#include "script/program.h"
#include "script/test_world.h"

namespace postern::script {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using testing::TestWorld;

namespace {

Task<std::string> wait_with_text(std::string text, std::int64_t milliseconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(asio::use_awaitable);
  co_return text;
}
Task<std::string> know(std::string text) { co_return text; }

const HostFunction hostile_functions[] = {
    {"t.on", "f: function", "", "", bind<&testing::on>},
    {"t.wait", "text: string, milliseconds: integer", "string", "", bind<&wait_with_text>},
    {"t.know", "text: string", "string", "", bind<&know>},
    {"t.result", "...: any", "", "", bind<&testing::result>},
};

const Setup& hostile_setup() {
  static const Setup made{
      .tables = {hostile_functions}, .modules = {}, .globals = {"t"}, .files = {}};
  return made;
}

/// The result of a script, given to t.result(), or its error.
std::string ending(const std::optional<Raised>& raised, const std::string& result) {
  return raised ? "error: " + raised->message : result;
}

struct Hostile : ::testing::Test {
  /// Runs scripts concurrently: each begins while the previous ones wait.
  std::vector<std::string> together(const std::vector<std::string>& texts,
                                    Limits limits = {.time = tests::patience}) {
    std::vector<std::string> endings(texts.size());
    asio::io_context loop;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      asio::co_spawn(loop, one(texts[i], endings[i], limits), asio::detached);
    }
    loop.run();
    return endings;
  }
  Task<void> one(std::string text, std::string& into, Limits limits = {.time = tests::patience}) {
    std::string given;
    Call call(world, limits, &given);
    const auto raised = co_await state.run(text, "policy.lua", call);
    into = ending(raised, given);
  }
  std::string answer(const std::string& text, Limits limits = {.time = tests::patience}) {
    return together({text}, limits).front();
  }

  TestWorld world;
  State state{hostile_setup()};
};

TEST_F(Hostile, NobodyElseResumesWhatWaitsForTheHost) {
  // A hook's own coroutine and one of the script, while the host works for them.
  for (const char* first : {
           "co = coroutine.running() t.result(t.wait('mine', 20))",
           "co = coroutine.create(function() return t.wait('mine', 20) end)"
           " t.result(select(2, coroutine.resume(co)))",
           "co = coroutine.create(function() local n = 0 for i = 1, 3e5 do n = n + i end return "
           "t.wait('mine', 20) end) t.result(select(2, coroutine.resume(co)))",
       }) {
    const std::pair<const char*, const char*> others[] = {
        {"t.result(coroutine.resume(co, 'theirs'))",
         R"(false "cannot resume non-suspended coroutine")"},
        {"t.result(pcall(coroutine.close, co))", R"(false "cannot close a normal coroutine")"},
        {"t.result(coroutine.status(co))", R"("normal")"},
    };
    for (const auto& [second, wanted] : others) {
      EXPECT_THAT(together({first, second}), ::testing::ElementsAre(R"("mine")", wanted))
          << first << "\n"
          << second;
    }
  }
  EXPECT_EQ(answer("t.result('alive')"), R"("alive")");
}

TEST_F(Hostile, WhatWaitedForSomebodyWhoLeftIsNeverResumed) {
  {
    std::string ignored;
    asio::io_context loop;
    asio::co_spawn(loop,
                   one("co = coroutine.create(function() t.wait('x', 60000) end)"
                       " own = coroutine.running() coroutine.resume(co)",
                       ignored),
                   asio::detached);
    loop.poll();
  }
  EXPECT_EQ(answer("t.result(coroutine.resume(co)) t.result(coroutine.resume(own))"),
            R"(false "cannot resume non-suspended coroutine" false )"
            R"("cannot resume non-suspended coroutine")");
  EXPECT_EQ(answer("t.result(t.wait('alive', 1))"), R"("alive")");
}

TEST_F(Hostile, WhatTheHostKnowsAtOnceNeedsNoTurnOfTheLoop) {
  std::string ended;
  asio::io_context loop;
  asio::co_spawn(loop, one("t.result(t.know('a'), t.know('b'), t.know('c'))", ended),
                 asio::detached);
  EXPECT_EQ(loop.run_one(), 1u);
  EXPECT_EQ(ended, R"("a" "b" "c")");
}

TEST_F(Hostile, WhatTheHostKnowsAtOnceKeepsNobodyWaiting) {
  std::string ended;
  bool waited = true;
  asio::io_context loop;
  asio::co_spawn(loop, one("for i = 1, 5000 do t.know('x') end t.result('end')", ended),
                 asio::detached);
  asio::post(loop, [&] { waited = !ended.empty(); });
  loop.run();
  EXPECT_EQ(ended, R"("end")");
  EXPECT_FALSE(waited);
}

TEST_F(Hostile, CoroutinesAreWhatLuaSaysTheyAre) {
  const std::pair<const char*, const char*> cases[] = {
      {"local co co = coroutine.create(function() t.result(coroutine.status(co)) coroutine.yield()"
       " end) t.result(coroutine.status(co)) coroutine.resume(co) t.result(coroutine.status(co))"
       " coroutine.resume(co) t.result(coroutine.status(co))",
       R"("suspended" "running" "suspended" "dead")"},
      // A coroutine can neither resume nor close the one that resumed it.
      {"local outer outer = coroutine.create(function() local keep = {} return"
       " coroutine.wrap(function() local a = table.pack(coroutine.status(outer),"
       " coroutine.resume(outer, 1, 2), pcall(coroutine.close, outer)) collectgarbage() return a"
       " end)(), keep end)"
       " t.result(select(2, coroutine.resume(outer)))",
       R"({"1":"normal","2":false,"3":false,"4":"cannot close a normal coroutine","n":4} {})"},
      {"local co = coroutine.create(function() end) t.result(coroutine.close(co)) "
       "t.result(coroutine.status(co), coroutine.resume(co))",
       R"(true "dead" false "cannot resume dead coroutine")"},
      {"local co = coroutine.create(function() local x <close> = setmetatable({}, {__close ="
       " function() error('late', 0) end}) coroutine.yield() end) coroutine.resume(co)"
       " t.result(coroutine.close(co)) t.result(coroutine.status(co))",
       R"(false "late" "dead")"},
      {"local co = coroutine.create(error) coroutine.resume(co, 'x')"
       " t.result(coroutine.close(co)) t.result(coroutine.close(co))",
       R"(false "x" true)"},
      {"t.result(pcall(coroutine.close, coroutine.running()))",
       R"(false "cannot close a running coroutine")"},
      {"local f = coroutine.wrap(function() local x <close> = setmetatable({}, {__close ="
       " function() t.result('closed') end}) error('e', 0) end) t.result(pcall(f))",
       R"("closed" false "e")"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

TEST_F(Hostile, TheStackOfTheProcessHasAnEnd) {
  for (const char* text : {
           "local function f() local co = coroutine.create(function() local x <close> ="
           " setmetatable({}, {__close = f}) coroutine.yield() end) coroutine.resume(co)"
           " coroutine.close(co) end function g() f() end f()",
           "local close function close() local co = coroutine.create(function() local x <close> ="
           " setmetatable({}, {__close = function() close() end}) coroutine.yield() end)"
           " coroutine.resume(co) coroutine.close(co) end close()",
           "local before for i = 1, 5000 do local closes = before local co = coroutine.create("
           "function() local x <close> = setmetatable({}, {__close = function() if closes then"
           " coroutine.close(closes) end end}) coroutine.yield() end) coroutine.resume(co)"
           " before = co end coroutine.close(before)",
           "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close ="
           " function() coroutine.yield() end}) coroutine.yield() end) coroutine.resume(co)"
           " coroutine.close(co)",
           "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close ="
           " function() t.wait('x', 1) end}) coroutine.yield() end) coroutine.resume(co)"
           " coroutine.close(co) t.wait('y', 1)",
           "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close ="
           " function() while true do end end}) coroutine.yield() end) coroutine.resume(co)"
           " coroutine.close(co)",
           "local function f() coroutine.wrap(f)() end f()",
           "local function f() return coroutine.resume(coroutine.create(f)) end f()",
           "local function f() return (('x'):gsub('x', f)) end f()",
           "local function f() return pcall(f) end f()",
           "local function f() return xpcall(f, f) end f()",
           "local function f() table.sort({3, 2, 1}, f) end f()",
           "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end"
           " return t.x",
           "local t = {} for i = 1, 1e5 do t = setmetatable({}, {__index = t}) end return t.x",
           "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return"
           " tostring(t) end tostring(t)",
           "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b"
           " end return t .. t",
           "local t = setmetatable({}, {}) getmetatable(t).__lt = function(a, b) return a < b end"
           " return t < t",
           "local t = setmetatable({}, {}) getmetatable(t).__call = t t()",
           "local t = setmetatable({}, {}) getmetatable(t).__call = setmetatable({}, {__call = t})"
           " t()",
           "local t = setmetatable({}, {}) getmetatable(t).__call = t pcall(t) pcall(t)",
           "load(('('):rep(1e5))()",
           "load('return ' .. ('{'):rep(1e5))",
           "load('x = ' .. ('- '):rep(1e6) .. '1')",
           "load(('do '):rep(1e5))",
           "load('return ' .. ('function() '):rep(1e4))",
           "local function f(s) return load(function() return f and f() end) end f()",
           "error(setmetatable({}, {__tostring = function(s) return tostring(s) end}))",
           "error(setmetatable({}, {__tostring = function(s) error(s) end}))",
           "string.format('%s', setmetatable({}, {__tostring = function(s) return s end}))",
           "print(setmetatable({}, {__tostring = function(s) return print(s) end}))",
           "for i = 1, 300 do local d = load(('a.'):rep(1e4) .. 'b = 1') end",
           "t.result({}, table.unpack({}, 1, 999960))",
           "t.result({{{{{{}}}}}}, table.unpack({}, 1, 999980))",
           "pcall(t.result, {}, table.unpack({}, 1, 999970))",
           "return table.unpack({}, 1, 999950)",
           "string.char(table.unpack({}, 1, 1e6))",
           "print(table.unpack({}, 1, 999000))",
           "(('x'):rep(1e6)):byte(1, -1)",
           "utf8.codepoint(('x'):rep(999900), 1, -1)",
           "coroutine.wrap(function(...) return ... end)(table.unpack({}, 1, 999000))",
           "xpcall(table.unpack, function(...) return ... end, {}, 1, 999000)",
           "local s = 'x' for i = 1, 40 do s = s .. s end",
           "goto a ::a:: local n = 0 ::b:: n = n + 1 goto b",
       }) {
    const std::string got = answer(text, {.time = std::chrono::seconds(3)});
    EXPECT_EQ(answer("t.result('alive')"), R"("alive")") << "after " << text << ": " << got;
    // After an error inside a host function, memory is counted as before.
    EXPECT_THAT(answer("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end",
                       {.memory = 8u << 20, .time = tests::patience}),
                HasSubstr("used up its memory"))
        << "after " << text;
  }
}

/// A policy whose hooks add more and more to a global.
constexpr const char* leaky =
    "local kept = {} t.on(function() local more = {} kept[#kept + 1] = more"
    " for i = 1, 1000 do more[i] = ('x'):rep(1e5) .. i end end)";

TEST_F(Hostile, AScriptThatKeepsEverythingStartsAfresh) {
  Program::Options options{.text = leaky, .name = "policy.lua", .setup = hostile_setup()};
  options.user = [] { return std::make_shared<int>(0); };
  options.run = [](Task<void> task) {
    asio::io_context loop;
    asio::co_spawn(loop, std::move(task), asio::detached);
    loop.run();
  };
  const auto program = Program::load(std::move(options), world);
  ASSERT_TRUE(program);
  const State::Push nothing = [](lua_State*) { return 0; };
  const State::Read ignore = [](lua_State*, int) {};
  std::size_t most = 0;
  int failed = 0;
  for (int i = 0; i < 12; ++i) {
    State& mine = (*program)->here();
    Call call(world, {.time = tests::patience});
    const auto raised = testing::run(mine.call(mine.user<int>(), nothing, ignore, call));
    if (raised) EXPECT_EQ(raised->stopped, Stopped::memory) << raised->message;
    failed += raised ? 1 : 0;
    most = std::max(most, mine.memory());
  }
  EXPECT_EQ(failed, 12);
  EXPECT_LT(most, worn_state + (64u << 20));
  EXPECT_LT((*program)->here().memory(), worn_state);
  EXPECT_THAT(world.lines, ::testing::Contains(HasSubstr("it starts afresh")));
}

TEST_F(Hostile, NoFinalizersAndNoWeakKeys) {
  EXPECT_EQ(answer("setmetatable({}, {__gc = true})"),
            "error: policy.lua:1: __gc is not available here");
  for (const char* mode : {"k", "kv", "vk"}) {
    EXPECT_EQ(answer("setmetatable({}, {__mode = '" + std::string(mode) + "'})"),
              "error: policy.lua:1: weak keys (__mode) are not available here");
  }
  EXPECT_EQ(answer("setmetatable({}, {__mode = 'v'}) setmetatable({}, {__mode = 1})"), "");
}

TEST_F(Hostile, WhatAScriptDoesToItsLibrariesIsItsOwnAffair) {
  for (const char* text : {
           "string.find = nil string.gsub = nil getmetatable('').__index = nil",
           "for k in pairs(string) do string[k] = nil end table.unpack = nil",
           "package.loaded.string = 1 package.loaded._G = nil package.preload.x = 1",
           "package.loaded = nil package.path = 1",
           "setmetatable(_G, {__index = function() while true do end end})",
           "setmetatable(_G, {__newindex = error, __metatable = 1})",
           "getmetatable('').__concat = error getmetatable('').__metatable = 1",
           "getmetatable('').__gc = function() while true do end end collectgarbage()",
           "for k in pairs(_G) do if k ~= 't' then _G[k] = nil end end",
           "t.result = print t.wait = nil",
           "coroutine.yield = nil coroutine.running = error",
           "local t = {} for i = 1, 10 do t[i] = i end for k in next, t do t[k + 100] = 1 end",
           "next({}, 'no such key')",
       }) {
    State other(hostile_setup());
    std::string ignored;
    {
      Call call(world, {}, &ignored);
      (void)testing::run(other.run(text, "policy.lua", call));
    }
    Call call(world, {}, &ignored);
    const auto raised = testing::run(other.run("local x = 1 + 1", "policy.lua", call));
    EXPECT_FALSE(raised) << text << ": " << raised->message;
    EXPECT_EQ(answer("t.result(('alive'):upper())"), R"("ALIVE")") << "after " << text;
  }
}

}  // namespace
}  // namespace postern::script
