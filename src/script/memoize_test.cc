#include "script/memoize.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

void text_result(Call& call, std::string text) { *call.context<std::string>() += text + ";"; }
bool quiet(Call& call) { return call.context<std::string>()->empty(); }
Task<void> wait_for(std::int64_t milliseconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(milliseconds));
  co_await timer.async_wait(asio::use_awaitable);
}

class Refused : public Thrown {
 public:
  Refused() : Thrown("refused") {}
};
void throw_refused() { throw Throw{std::make_shared<Refused>()}; }

/// Waits, and draws a random number meanwhile.
Task<std::int64_t> draw(Call& call) {
  co_await wait_for(1);
  co_return static_cast<std::int64_t>(call.random());
}

struct SharedCounter {
  std::int64_t count = 0;
};
using ACounter = std::shared_ptr<SharedCounter>;
std::int64_t count(ACounter counter) { return ++counter->count; }
ACounter make_counter() { return std::make_shared<SharedCounter>(); }

}  // namespace

template <>
struct ClassName<SharedCounter> {
  static constexpr std::string_view value = "Counter";
};
template <>
struct Kept<ACounter> {
  static json::value data(const ACounter& counter) { return counter->count; }
  static ACounter again(const json::value& data) {
    return std::make_shared<SharedCounter>(SharedCounter{data.as_int64()});
  }
};

namespace {

constexpr SharedClass shared[] = {shared_class<SharedCounter>()};

const HostFunction memo_functions[] = {
    {"t.refuse", "", "", "", bind<&throw_refused>},
    {"t.counter", "", "Counter", "", bind<&make_counter>},
    {"Counter:count", "", "integer", "", bind<&count>},
    {"t.result", "text: string", "", "", bind<&text_result>},
    {"t.quiet", "", "boolean", "", bind<&quiet>},
    {"t.wait", "milliseconds: integer", "", "", bind<&wait_for>},
    {"t.draw", "", "integer", "", bind<&draw>},
    {"t.memoize", "f: function, options: table", "function", "", memoize},
};

struct Memoize : ::testing::Test {
  struct Setup setup{.tables = {memo_functions},
                     .modules = {},
                     .globals = {"t"},
                     .files = {},
                     .memos = std::make_shared<Memos>(),
                     .shared = shared};
  testing::TestWorld world;
  State state{setup};
  int caches = 0;  ///< a cache is shared by its name

  std::string run(const std::string& text) {
    std::string got;
    Call call(world, {.time = tests::patience}, &got);
    const auto raised = testing::run(state.run(text, "policy.lua", call));
    return raised ? "error: " + raised->message : got;
  }
  /// Runs `text` with `n`, the number of calls so far, and `f`, which is memoized.
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

TEST_F(Memoize, TablesComeBackAsTheyWere) {
  EXPECT_EQ(with("return {[10] = 'i', ['10'] = 's', ['#10'] = 'h', x = {[5] = 1}}", "",
                 "f() local r = f() t.result(r[10] .. r['10'] .. r['#10'] .. r.x[5])"),
            "ish1;");
  EXPECT_EQ(with("return {[10] = 1}", "", "local r = f() r[10] = 2 t.result(tostring(f()[10]))"),
            "1;")
      << "whoever changes what it was given changes nothing for others";
}

TEST_F(Memoize, EqualTablesAreOneArgument) {
  EXPECT_EQ(with("return n", "",
                 "local a, b = {}, {} for i = 1, 40 do a['k' .. i] = i b['k' .. (41 - i)] = 41 - i "
                 "end t.result(f(a) .. f(b) .. f({[5] = 1}) .. f({['5'] = 1}))"),
            "1123;");
}

TEST_F(Memoize, ValuesOfSharedClassesAreKept) {
  EXPECT_EQ(with("return t.counter()", "",
                 "local a, b = f(), f() a:count() t.result(a:count() .. b:count() .. n)"),
            "211;");
  EXPECT_EQ(with("return {t.counter()}", "", "t.result(tostring(pcall(f)))"), "false;");
  // A record stores them as data.
  std::string got;
  const std::string text =
      "local f = t.memoize(function() local c = t.counter() c:count() return c end,"
      "{name = 'kept', ttl = 60, capacity = 1}) t.result(tostring(f():count()))";
  Call call(world, {}, &got);
  call.record();
  testing::run(state.run(text, "policy.lua", call));
  Call again(world, {}, &got);
  again.answer_from(call.told());
  testing::run(state.run(text, "policy.lua", again));
  EXPECT_EQ(got, "2;2;");
}

// What a memoized function and a function that waits draw is not in the record, which has their
// results: the numbers of the script itself must not depend on it.
TEST_F(Memoize, WhatIsLeftOutOfARecordChangesNoRandomNumber) {
  int number = 0;
  for (const char* text : {
           "local drawn = math.random(1 << 40)",
           "local drawn = f() .. ' ' .. math.random(1 << 40)",
           "local drawn = math.random(1 << 40) .. ' ' .. f() .. ' ' .. math.random(1 << 40)",
           "math.randomseed(7) local drawn = f() .. ' ' .. math.random(1 << 40)",
           "local drawn = t.draw() .. ' ' .. math.random(1 << 40)",
           "local drawn = math.random(1 << 40) .. ' ' .. t.draw() .. ' ' .. math.random(1 << 40)",
           "math.randomseed(7) local drawn = t.draw() .. ' ' .. math.random(1 << 40)",
           "local drawn = f() .. ' ' .. t.draw() .. ' ' .. os.time()",
       }) {
    const std::string whole =
        "local f = t.memoize(function(g) math.randomseed() local n = os.time() "
        "if math.random() > 2 then math.randomseed(3) end return n + math.random(1 << 40) end,"
        "{name = 'chance" +
        std::to_string(++number) + "', ttl = 60, capacity = 9}) " + text + " t.result(drawn .. '')";
    std::string first;
    Call call(world, {}, &first);
    call.record();
    const auto raised = testing::run(state.run(whole, "policy.lua", call));
    ASSERT_FALSE(raised) << text << ": " << raised->message;
    std::string second;
    Call again(world, {}, &second);
    again.answer_from(call.told());
    const auto failed = testing::run(state.run(whole, "policy.lua", again));
    EXPECT_FALSE(failed) << text << ": " << failed->message;
    EXPECT_FALSE(again.lacked()) << text;
    EXPECT_EQ(first, second) << text;
  }
}

TEST_F(Memoize, ACallWithinItsOwnComputationComputes) {
  EXPECT_EQ(run("local n, f = 0 f = t.memoize(function(k) n = n + 1 if n < 3 then return f(k) end "
                "return {n} end, {name = 'self', ttl = 60, capacity = 1})"
                "t.result(f('k')[1] .. f('k')[1] .. n)"),
            "333;");
  EXPECT_EQ(run("local f, g local o = {name = 'two', ttl = 60, capacity = 1}"
                "g = t.memoize(function(k) return 'g' .. k end, o)"
                "f = t.memoize(function(k) return 'f' .. g(k) end, o) t.result(f('k') .. f('k'))"),
            "fgkfgk;");
  const std::string endless =
      run("local f f = t.memoize(function() return f() end, {name = 'e', ttl = 60, capacity = 1})"
          "f()");
  EXPECT_NE(endless.find("overflow"), std::string::npos) << endless;
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
      {"{name = 'x', ttl = 1, capacity = 0}", "memoize: 'capacity' must be a whole number above 0"},
      {"{name = 'x', ttl = 'soon', capacity = 1}",
       "`soon` is no duration like '5 minutes': a whole number is expected"},
      {"{name = 'x', ttl = 1, capacity = 1, tll = 2}", "memoize: unknown option 'tll'"},
      {"{}", "memoize: option 'name' is missing"},
      {"{1}", "memoize: a table of options is expected"},
      {"{name = 'x', ttl = 1, capacity = 1, populate_timeout = 'soon'}",
       "`soon` is no duration like '5 minutes': a whole number is expected"},
      {"{name = 'x', ttl = 1, capacity = 1, allow_stale_reads = 'yes'}",
       "memoize: 'allow_stale_reads' must be true or false"},
      {"{name = 'x', ttl = -1, capacity = 1}",
       "a duration is a number of seconds or a text like '5 minutes'"},
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

struct Waiting : Memoize {
  /// The results of two concurrent calls with the same key, the first one within `limits`.
  std::string two(const std::string& body, const std::string& options,
                  Limits limits = {.time = tests::patience}) {
    const std::string text = "runs = (runs or 0) local f = t.memoize(function() runs = runs + 1 " +
                             body + " end, {name = 'w" + std::to_string(++caches) +
                             "', ttl = 60, capacity = 9" + options +
                             "}) t.result(tostring(f('k')))";
    run("runs = nil");
    std::string got;
    asio::io_context loop;
    Call first(world, limits, &got);
    Call second(world, {.time = tests::patience}, &got);
    for (Call* call : {&first, &second}) {
      asio::co_spawn(loop, start(state, *call, text), asio::detached);
    }
    loop.run();
    return got;
  }
};

TEST_F(Waiting, TheNextOneComputesWhenACallIsStopped) {
  EXPECT_EQ(two("t.wait(5) if runs == 1 then while true do end end return runs", "",
                {.instructions = 100'000, .time = tests::patience}),
            "policy.lua:1: stopped: it has used up its instructions;2;");
  EXPECT_EQ(two("t.wait(5) if runs == 1 then return ('x'):rep(9999999) end return runs", "",
                {.memory = 1 << 20, .time = tests::patience}),
            "stopped: it has used up its memory;2;");
}

/// Two functions that call each other, entered from both ends.
TEST_F(Memoize, NobodyWaitsForWhoWaitsForHim) {
  const std::string text =
      "local f, g local o = {ttl = 60, capacity = 9}"
      "local function named(n, body) o.name = n return t.memoize(body, o) end "
      "local function last() deep = (deep or 0) + 1 t.wait(20) return deep > 2 end "
      "f = named('f', function(k) if last() then return 'F' end return 'f' .. g(k) end)"
      "g = named('g', function(k) if last() then return 'G' end return 'g' .. f(k) end)";
  std::string got;
  asio::io_context loop;
  Call first(world, {.time = tests::patience}, &got);
  Call second(world, {.time = tests::patience}, &got);
  asio::co_spawn(loop, start(state, first, text + "t.result(f('k'))"), asio::detached);
  asio::co_spawn(loop, start(state, second, text + "t.result(g('k'))"), asio::detached);
  loop.run();
  EXPECT_EQ(got, "gF;fgF;") << "the second computes f itself, the first waits for g";
}

/// A cycle of three on three states.
TEST_F(Memoize, NorByWayOfOthers) {
  const std::string text =
      "local f = {} for i = 1, 3 do f[i] = t.memoize(function(k) ring = (ring or 0) + 1 t.wait(20)"
      "if k == 'end' then return 'end' end local ok, r = pcall(f[i % 3 + 1], ring > 6 and 'end' or "
      "k)"
      "return i .. tostring(r) end, {name = 'ring' .. i, ttl = 60, capacity = 9}) end ";
  std::string got;
  asio::io_context loop;
  std::vector<std::unique_ptr<State>> states;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 1; i <= 3; ++i) {
    states.push_back(std::make_unique<State>(setup));
    calls.push_back(std::make_unique<Call>(world, Limits{.time = tests::patience}, &got));
    asio::co_spawn(loop,
                   start(*states.back(), *calls.back(),
                         text + "t.result(f[" + std::to_string(i) + "]('k'):match('%d'))"),
                   asio::detached);
  }
  loop.run();
  EXPECT_EQ(got.size(), 6u) << got;
  EXPECT_EQ(got.find("time"), std::string::npos) << got;
}

TEST_F(Waiting, ErrorsAreOnesOwn) {
  EXPECT_EQ(two("t.wait(5) error('no')", ""), "policy.lua:1: no;policy.lua:1: no;");
  EXPECT_EQ(two("t.wait(5) t.refuse()", ""), "refused;refused;");
}

TEST_F(Waiting, NoLongerThanItsOptionsSay) {
  EXPECT_EQ(two("while t.quiet() do t.wait(5) end return runs", ", populate_timeout = '10ms'"),
            "policy.lua:1: a memoized function did not return in time;1;");
  EXPECT_EQ(two("local mine = runs while mine == 1 and t.quiet() do t.wait(5) end return runs",
                ", populate_timeout = '10ms', retry_on_populate_timeout = true"),
            "2;2;");
}

}  // namespace
}  // namespace postern::script
