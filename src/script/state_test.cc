#include "script/state.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "script/host_functions_test.h"
#include "script/standard_names.h"
#include "script/test_world.h"

namespace postern::script {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using testing::TestWorld;

struct Counter {
  std::int64_t value = 0;
};
template <>
struct ClassName<Counter> {
  static constexpr std::string_view value = "Counter";
};
struct Other {};
template <>
struct ClassName<Other> {
  static constexpr std::string_view value = "Other";
};

namespace {

std::string say(Rest rest) {
  std::string text;
  for (const json::value& value : rest.values) {
    text += (text.empty() ? "" : " ") + json::serialize(value);
  }
  return text;
}
std::int64_t add(std::int64_t a, std::optional<std::int64_t> b) { return a + b.value_or(100); }
Task<std::string> wait_or_fail(std::string text, std::int64_t milliseconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(asio::use_awaitable);
  demand(text != "boom", "it went wrong");
  co_return text;
}
void misplaced() { throw PlacedError("data.toml:2: it is wrong"); }
std::string place(Call& call) { return call.state().place(); }
void refuse_with(std::string text) { throw Throw{std::make_shared<Thrown>(std::move(text))}; }
void hide(Call& call, std::string text) { call.keep_secret(std::move(text)); }
void result_alone(Call& call, Rest rest) { *call.context<std::string>() = say(std::move(rest)); }
std::shared_ptr<Counter> counter(std::int64_t from) {
  return std::make_shared<Counter>(Counter{from});
}
std::int64_t next(std::shared_ptr<Counter> counter) { return ++counter->value; }
std::int64_t value(std::shared_ptr<Counter> counter) { return counter->value; }

Built zero() {
  return {[](lua_State* L) {
    lua_newtable(L);
    lua_pushliteral(L, "whole");
    lua_rawseti(L, -2, 0);
  }};
}
using EitherCounter = std::variant<std::shared_ptr<Counter>, std::shared_ptr<Other>>;
std::string which(EitherCounter one) { return one.index() == 0 ? "Counter" : "Other"; }
EitherCounter other(bool really) {
  if (really) return std::make_shared<Other>();
  return std::make_shared<Counter>();
}
bool same(std::shared_ptr<Counter> a, std::variant<std::shared_ptr<Counter>, std::monostate> b) {
  return b.index() == 0 && a->value == std::get<0>(b)->value;
}

const HostFunction state_functions[] = {
    {"t.zero", "", "table", "", bind<&zero>},
    {"t.which", "one: Counter|Other", "string", "", bind<&which>},
    {"t.other", "really: boolean", "Counter|Other", "", bind<&other>},
    {"t.inner.add", "a: integer, b?: integer", "integer", "", bind<&add>},
    {"Counter.__eq", "other: Counter", "boolean", "", bind<&same>},
    {"t.say", "...: any", "string", "", bind<&say>},
    {"t.add", "a: integer, b?: integer", "integer", "", bind<&add>},
    {"t.wait", "text: string, milliseconds: integer", "string", "", bind<&wait_or_fail>},
    {"t.misplaced", "", "", "", bind<&misplaced>},
    {"t.place", "", "string", "", bind<&place>},
    {"t.inner.add", "a: integer, b?: integer", "integer", "", bind<&add>},
    {"t.refuse", "text: string", "", "", bind<&refuse_with>},
    {"t.hide", "text: string", "", "", bind<&hide>},
    {"t.result", "...: any", "", "", bind<&result_alone>},
    {"t.on", "f: function", "", "", bind<&testing::on>},
    {"t.counter", "from: integer", "Counter", "", bind<&counter>},
    {"Counter:next", "", "integer", "", bind<&next>},
    {"Counter.value", "", "integer", "", bind<&value>},
};

const Setup& state_setup() {
  static const Setup made{.tables = {state_functions},
                          .modules = {{"extra",
                                       "return { twice = function(x) return 2 * x end,\n"
                                       "place = function() local p = t.place() return p end,\n"
                                       "bad = function() local x = t.add('x') end }"}},
                          .globals = {"t"},
                          .files = {}};
  return made;
}

struct Ran {
  std::string result;
  std::optional<Raised> raised;
  Spent spent;
};

struct Script : ::testing::Test {
  Ran run(const std::string& text, Limits limits = {.time = tests::patience}) {
    Ran ran;
    Call call(world, limits, &ran.result);
    ran.raised = testing::run(state.run(text, "policy.lua", call));
    ran.spent = call.spent();
    return ran;
  }
  /// The arguments of `t.result(...)`.
  std::string answer(const std::string& text) {
    const Ran ran = run(text);
    return ran.raised ? "error: " + ran.raised->message : ran.result;
  }

  TestWorld world;
  State state{state_setup()};
};

TEST_F(Script, ErrorsStandAtTheScriptsLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"\nt.result(t.place())", R"("policy.lua:2")"},
      {"\nt.result(require('extra').place())", R"("policy.lua:2")"},
      {"t.result(load('local p = t.place() return p', '=(load)')())", R"("(load):1")"},
      {"\nlocal x = t.add('x')", "error: policy.lua:2: argument 1: integer expected, got string"},
      {"\nrequire('extra').bad()", "error: policy.lua:2: argument 1: integer expected, got string"},
      {"\nt.misplaced()", "error: data.toml:2: it is wrong"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(answer(text), expected) << text;
}

TEST_F(Script, HostFunctionsTakeAndGiveData) {
  const std::pair<const char*, const char*> cases[] = {
      {"t.result(t.add(1, 2), t.add(1), t.inner.add(2))", "3 101 102"},
      {"t.result({1, 2, {a = true}}, {}, nil, 'x')", R"([1,2,{"a":true}] {} null "x")"},
      {"t.result({1, nil, 3})", "[1,null,3]"},
      {"t.result(t.zero()[0], t.inner.add(2))", R"("whole" 102)"},
      {"t.result(t.which(t.counter(1)), t.which(t.other(true)), t.which(t.other(false)))",
       R"("Counter" "Other" "Counter")"},
      {"t.result(pcall(t.which, 1))", R"(false "argument 1: Other expected, got number")"},
      {"t.result(t.counter(1) == t.counter(1), t.counter(1) == t.counter(2), "
       "t.counter(1) == t.other(true))",
       "true false false"},
      {"t.result({[1] = 'a', [9] = 'b'})", R"({"1":"a","9":"b"})"},
      {"t.result(1.5, 2^53, 1 // 1)", "1.5E0 9.007199254740992E15 1"},
      {"local c = t.counter(4); t.result(c:next(), c.value, tostring(c.nothing))", R"(5 5 "nil")"},
      {"t.result(require('extra').twice(4), require 'extra' == require 'extra')", "8 true"},
      {"t.result(pcall(t.add, 'x'))", R"(false "argument 1: integer expected, got string")"},
      {"t.result(pcall(t.counter(1).next, {}))",
       R"(false "argument 1: Counter expected, got table")"},
      {"t.result(function() end)",
       "error: policy.lua:1: a function value cannot be kept or handed on as data"},
      {"local a = {}; a.a = a; t.result(a)", "error: policy.lua:1: tables nested too deeply"},
      {"t.nothing()", "error: policy.lua:1: t.nothing is not available in Postern"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

TEST_F(Script, ErrorsSayWhereAndAreCaughtLikeAnyOther) {
  EXPECT_EQ(answer("\n\nt.add()"),
            "error: policy.lua:3: argument 1: integer expected, got no value");
  EXPECT_THAT(answer("local x =\n= 2"), HasSubstr("policy.lua:2: unexpected symbol near '='"));
  EXPECT_EQ(answer("error({})"), "error: error object is a table value");
  const Ran ran = run("local function f() t.refuse('no') end\nf()");
  ASSERT_TRUE(ran.raised);
  ASSERT_TRUE(ran.raised->thrown);
  EXPECT_EQ(ran.raised->thrown->text(), "no");
  EXPECT_EQ(ran.raised->traceback, "") << "a refusal is no mistake";
  EXPECT_THAT(run("local function f() error('x') end\nf()").raised->traceback,
              HasSubstr("policy.lua:1: in"));
  EXPECT_EQ(answer("local ok, e = pcall(t.refuse, 'no'); t.result(ok, tostring(e))"),
            R"(false "no")");
}

TEST_F(Script, SecretsStayOutOfErrorsAndLogs) {
  const Ran ran = run("t.hide 'tiger'\nprint('the tiger')\nerror('tiger, tiger')");
  EXPECT_EQ(ran.raised->message, "policy.lua:3: <redacted>, <redacted>");
  EXPECT_THAT(world.lines, ::testing::ElementsAre("info policy.lua:2 the <redacted>"));
}

TEST_F(Script, ASecretInAnotherLeavesNoRestAndAShortOneIsAWord) {
  run("t.hide 'tige' t.hide 'tiger-nightingale' t.hide 'zq9'\n"
      "print('tiger-nightingale', 'zq9', 'azq9')");
  EXPECT_THAT(world.lines,
              ::testing::ElementsAre("info policy.lua:2 <redacted>\t<redacted>\tazq9"));
}

TEST_F(Script, FunctionsThatWaitSuspendTheScriptWherever) {
  const std::pair<const char*, const char*> cases[] = {
      {"t.result(t.wait('a', 1), t.wait('b', 0))", R"("a" "b")"},
      {"t.result(pcall(t.wait, 'boom', 1))", R"(false "it went wrong")"},
      {"t.result(select(2, pcall(function() return t.wait('in pcall', 1) end)))", R"("in pcall")"},
      {"t.result(xpcall(function() t.wait('x', 1) error('e', 0) end,"
       "function(e) return e .. t.wait('h', 1) end))",
       R"(false "eh")"},
      {"local c = coroutine.wrap(function(a) local b = coroutine.yield(t.wait(a, 1))"
       "return t.wait(b, 1) .. '!' end) t.result(c('one'), c('two'))",
       R"("one" "two!")"},
      {"local c = coroutine.create(function() local d = coroutine.wrap(function()"
       "return t.wait('deep', 1) end) return d() end) t.result(coroutine.resume(c))",
       R"(true "deep")"},
      {"local c = coroutine.wrap(function() t.wait('boom', 1) end) t.result(pcall(c))",
       R"(false "policy.lua:1: it went wrong")"},
      {"for v in coroutine.wrap(function() coroutine.yield(t.wait('i', 1)) end) do t.result(v) end",
       R"("i")"},
      {"t.result(tostring(setmetatable({}, {__index = function(_, k) return t.wait(k, 1) "
       "end}).key))",
       R"("key")"},
      {"local list = {3, 1, 2} table.sort(list, function(a, b) t.wait('x', 1) return a < b end)"
       " t.result(list)",
       "[1,2,3]"},
      {"coroutine.yield(1)", "error: policy.lua:1: attempt to yield from outside a coroutine"},
  };
  for (const auto& [text, wanted] : cases) {
    const std::string got = answer(text);
    EXPECT_EQ(got, wanted) << text;
  }
  EXPECT_THAT(
      answer("tostring(setmetatable({}, {__tostring = function() return t.wait('x', 1) end}))"),
      HasSubstr("what waits cannot be called"));
}

TEST_F(Script, WhatWouldEscapeABudgetIsStopped) {
  const Limits limits{
      .instructions = 300'000, .memory = 8u << 20, .time = std::chrono::milliseconds(500)};
  const char* cases[] = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "xpcall(function() error 'x' end, function() while true do end end)",
      "xpcall(function() while true do end end, function() while true do end end)",
      "while true do xpcall(error, function() while true do end end) end",
      "local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
      "while true do coroutine.wrap(function() while true do end end)() end",
      "local function f() return pcall(f) end while true do f() end",
      "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
      "local x <close> = setmetatable({}, {__close = function() while true do end end}) error 'x'",
      "local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
      "while true do end",
      "string.gsub('x', 'x', function() while true do end end)",
      "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
      "print(setmetatable({}, {__name = 1, __tostring = function() while true do end end}))",
      "for i = 1, math.huge do load('return ' .. i)() end",
      "coroutine.wrap(function() local ok = pcall(coroutine.wrap(function() while true do end end))"
      " while true do end end)()",
      "repeat local ok = pcall(t.wait, 'boom', 0) until false",
      "while true do pcall(error, {}) end",
      "while true do pcall(string.find, ('a'):rep(5000), ('.-'):rep(12) .. 'b') end",
      "pcall(table.move, {}, 1, 1 << 60, 2) while true do end",
      "pcall(table.concat, setmetatable({}, {__index = function() return '' end}), '', 1, 1 << 60)"
      " while true do end",
      "table.sort({2, 1}, function() while true do end end)",
      "coroutine.resume(coroutine.create(function() while true do end end))",
      "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close ="
      " function() while true do end end}) coroutine.yield() end) coroutine.resume(co)"
      " coroutine.close(co)",
  };
  for (const char* text : cases) {
    const Ran ran = run(text, limits);
    ASSERT_TRUE(ran.raised) << text;
    EXPECT_NE(ran.raised->stopped, Stopped::no) << text << ": " << ran.raised->message;
    EXPECT_EQ(answer("t.result('alive')"), R"("alive")") << "after " << text;
  }
}

TEST_F(Script, MemoryIsBounded) {
  const Limits limits{.memory = 8u << 20, .time = tests::patience};
  for (const char* text : {
           "local t = {} while true do t[#t + 1] = string.rep('x', 1048576) .. #t end",
           "local t = {} while true do t[#t + 1] = {} end",
           "local s = 'x' while true do s = s .. s end",
           "local function f(n) return 1 + f(n + 1) end f(0)",
       }) {
    const Ran ran = run(text, limits);
    ASSERT_TRUE(ran.raised) << text;
    EXPECT_EQ(answer("t.result('alive')"), R"("alive")") << "after " << text;
  }
  // Even if it yielded in between.
  const Ran ran = run("local t = {} while true do t[#t + 1] = {} end", limits);
  EXPECT_EQ(ran.raised->stopped, Stopped::memory);
  EXPECT_LT(ran.spent.instructions, 2'000'000u);
}

TEST(ScriptMemory, IsChargedToTheBudgetOfAllSessions) {
  constexpr std::size_t mib = 1 << 20;
  const auto budget = std::make_shared<MemoryBudget>(8 * mib);
  {
    TestWorld world;
    State state(state_setup());
    const auto run = [&](std::string text) {
      Call call(world, {.memory = 64 * mib});
      return testing::run(state.run(text, "policy.lua", call));
    };
    EXPECT_FALSE(run("loaded = string.rep('x', 4 * 1048576)"));
    state.collect();  // garbage does not count as loaded
    state.charge_to(budget);
    EXPECT_EQ(budget->used(), 0u) << "what it loaded is the operator's";
    EXPECT_FALSE(run("kept = string.rep('y', 2 * 1048576)"));
    EXPECT_GT(budget->used(), 2 * mib);
    EXPECT_LT(budget->used(), 8 * mib);
    const auto raised = run("local more = string.rep('z', 16 * 1048576) kept = more");
    ASSERT_TRUE(raised);
    EXPECT_EQ(raised->stopped, Stopped::memory);
    EXPECT_LT(budget->used(), 8 * mib) << "what was refused is not charged";
    EXPECT_FALSE(run("kept = nil"));
    state.collect();
    EXPECT_LT(budget->used(), mib);
  }
  EXPECT_EQ(budget->used(), 0u);
}

// A coroutine without memory for its first frame was reused: the next hook that got it returned
// nothing, so that a policy which rejects all mail let mail through, or the process crashed.
TEST(ScriptMemory, ACallThatHasNoRoomToBeginFailsAndTheNextBeginsAnew) {
  constexpr std::size_t mib = 1 << 20;
  const auto budget = std::make_shared<MemoryBudget>(8 * mib);
  TestWorld world;
  State state(state_setup());
  state.set_user(std::make_shared<int>(0));
  Call loading(world, {});
  ASSERT_FALSE(
      testing::run(state.run("t.on(function() return 'refused' end)", "policy.lua", loading)));
  state.collect();
  state.charge_to(budget);
  const State::Push nothing = [](lua_State*) { return 0; };
  std::string said;
  const State::Read read = [&](lua_State* L, int count) {
    said = count > 0 ? stack::text_at(L, lua_gettop(L)) : "nothing";
  };
  const auto hook = [&] {
    said.clear();
    Call call(world, {.memory = 64 * mib});
    return testing::run(state.call(state.user<int>(), nothing, read, call));
  };
  // From no free octet on, so that it fails at each allocation.
  for (std::size_t room = 0; room < 16'384; room += 16) {
    {
      const MemoryCharge others(*budget,
                                budget->limit() - std::min(budget->used() + room, budget->limit()));
      for (int i = 0; i < 3; ++i) {
        const auto raised = hook();
        if (raised) EXPECT_EQ(raised->stopped, Stopped::memory) << raised->message;
        if (!raised) EXPECT_EQ(said, "refused") << room;
      }
    }
    EXPECT_FALSE(hook());
    EXPECT_EQ(said, "refused") << room;
  }
}

// Garbage stayed charged until a call allocated, so that the gateway accepted no mail meanwhile.
TEST(ScriptMemory, WhatEndedCallsLeftIsGivenBack) {
  constexpr std::size_t mib = 1 << 20;
  const auto budget = std::make_shared<MemoryBudget>(64 * mib);
  TestWorld world;
  State state(state_setup());
  state.charge_to(budget);
  Call call(world, {.memory = 64 * mib});
  EXPECT_FALSE(testing::run(state.run(
      "local t = {} for i = 1, 10 do t[i] = string.rep('x', 1048576) end", "policy.lua", call)));
  EXPECT_LT(budget->used(), 2 * mib);
}

TEST_F(Script, WhatReachesOutOfTheSandboxIsAbsent) {
  for (const WithheldName& one : withheld_names()) {
    if (one.library == "FILE*") continue;
    const std::string text = "local library = _G['" + std::string(one.library) +
                             "'] t.result(library and rawget(library, '" + std::string(one.name) +
                             "'))";
    EXPECT_EQ(answer(text), "null") << one.library << "." << one.name;
  }
  EXPECT_THAT(answer("setmetatable({}, {__gc = function() end})"), HasSubstr("__gc"));
  EXPECT_THAT(answer("t.result(select(2, load('\\27Lua')))"),
              HasSubstr("attempt to load a binary chunk"));
  EXPECT_EQ(answer("local a, b = os.tmpname(), os.tmpname() "
                   "t.result(a ~= b, a:match '^/tmp/lua_%w+$' == a, io.open(a) == nil)"),
            "true true true")
      << "a name without a file";
  EXPECT_EQ(answer("t.result(getmetatable(t.counter(1)))"), "false");
  EXPECT_EQ(answer("t.result(_VERSION, collectgarbage('count') > 0)"), R"("Lua 5.4" true)");
}

Task<void> note(State& state, Call& call, std::string text, std::vector<std::string>& order,
                std::string name) {
  const auto raised = co_await state.run(text, "policy.lua", call);
  order.push_back(name + (raised ? "!" : ""));
}

TEST_F(Script, RandomNumbersAreThoseOfLua) {
  const std::pair<const char*, const char*> cases[] = {
      {"local n = 0 for i = 1, 1000 do local x = math.random() if x >= 0 and x < 1 then n = n + 1"
       " end end t.result(n)",
       "1000"},
      {"local seen, n = {}, 0 for i = 1, 1000 do seen[math.random(3)] = true end"
       " for _ in pairs(seen) do n = n + 1 end t.result(n, seen[1], seen[3])",
       "3 true true"},
      {"for i = 1, 100 do local x = math.random(-2, 2) assert(x >= -2 and x <= 2) end"
       " t.result(math.random(7, 7), math.type(math.random(0)))",
       R"(7 "integer")"},
      {"math.random(math.mininteger, math.maxinteger) t.result(pcall(math.random, 2, 1))",
       R"x(false "bad argument #2 to 'math.random' (interval is empty)")x"},
      {"t.result(pcall(math.random, 1, 2, 3))", R"(false "wrong number of arguments")"},
      {"math.randomseed(7) local a = math.random(0) math.randomseed(7) t.result(a =="
       " math.random(0), math.randomseed(7, 8))",
       "true 7 8"},
      {"t.result(math.random(0) ~= math.random(0), math.type(math.randomseed()))",
       R"(true "integer")"},
      {"t.result(os.time() > 1.7e9, os.time {year = 1970, month = 1, day = 2, hour = 12} > 0,"
       " #os.date(), os.date('!%Y', 0), os.clock() >= 0)",
       R"(true true 24 "1970" true)"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

TEST_F(Script, ALongComputationGivesWayToOthers) {
  std::string ignored;
  Call slow(world, {.instructions = 40'000'000}, &ignored);
  Call quick(world, {}, &ignored);
  std::vector<std::string> order;
  asio::io_context loop;
  asio::co_spawn(loop,
                 note(state, slow, "local n = 0 while n < 5000000 do n = n + 1 end", order, "slow"),
                 asio::detached);
  asio::co_spawn(loop, note(state, quick, "t.result(t.wait('x', 1))", order, "quick"),
                 asio::detached);
  loop.run();
  EXPECT_THAT(order, ::testing::ElementsAre("quick", "slow"));
}

TEST_F(Script, LargeTextsAreWorkToo) {
  for (const char* text : {
           "local s = ('x'):rep(1 << 20) while true do local t = s .. 'y' end",
           "local s = ('x'):rep(1 << 20) while true do s:upper() end",
           "local s = ('x'):rep(1 << 20) while true do utf8.len(s) end",
           "while true do load(('x = 1 '):rep(1000)) end",
           "local s = ('x'):rep(1 << 20) while true do t.say(s) end",
       }) {
    const Ran ran = run(text, {.time = tests::patience});
    ASSERT_TRUE(ran.raised) << text;
    EXPECT_EQ(ran.raised->stopped, Stopped::instructions) << text;
  }
  std::string ignored;
  Call slow(world, {.time = tests::patience}, &ignored);
  Call quick(world, {}, &ignored);
  std::vector<std::string> order;
  asio::io_context loop;
  asio::co_spawn(loop,
                 note(state, slow,
                      "local s = ('x'):rep(4 << 20) local c = coroutine.wrap(function()"
                      " for i = 1, 24 do s:upper() end end) c()",
                      order, "slow"),
                 asio::detached);
  asio::co_spawn(loop, note(state, quick, "t.result(t.wait('x', 1))", order, "quick"),
                 asio::detached);
  loop.run();
  EXPECT_THAT(order, ::testing::ElementsAre("quick", "slow"));
}

TEST_F(Script, ACallThatNobodyWaitsForAnyMoreIsUnwound) {
  std::string ignored;
  {
    Call call(world, {}, &ignored);
    std::vector<std::string> order;
    asio::io_context loop;
    asio::co_spawn(
        loop,
        note(state, call,
             "local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
             "t.wait('x', 60000)",
             order, "left"),
        asio::detached);
    loop.poll();
  }
  EXPECT_EQ(answer("t.result('alive')"), R"("alive")");
}

TEST_F(Script, KeptFunctionsAreCalledLater) {
  state.set_user(std::make_shared<int>(0));
  ASSERT_EQ(answer("t.on(function(a, b) return a .. b, t.wait('w', 1) end) t.result('set')"),
            R"("set")");
  Call call(world, {});
  std::string got;
  const State::Push arguments = [](lua_State* L) {
    stack::push(L, std::string_view("1"));
    stack::push(L, std::string_view("2"));
    return 2;
  };
  const State::Read results = [&](lua_State* L, int count) {
    for (int i = lua_gettop(L) - count + 1; i <= lua_gettop(L); ++i) {
      got += std::string(stack::text_at(L, i)) + ";";
    }
  };
  const auto raised = testing::run(state.call(state.user<int>(), arguments, results, call));
  EXPECT_FALSE(raised);
  EXPECT_EQ(got, "12;w;");
  EXPECT_EQ(call.spent().host_calls, 1u);
}

}  // namespace
}  // namespace postern::script
