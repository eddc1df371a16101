#include "script/weak.h"

#include <chrono>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {
namespace {

void result(Call& call, Rest rest) {
  std::string& text = *call.context<std::string>();
  for (const json::value& value : rest.values) {
    text += (text.empty() ? "" : " ") + json::serialize(value);
  }
}
void collect(Call& call) { call.state().collect(); }
const HostFunction functions[] = {{"t.result", "...: any", "", "", bind<&result>},
                                  {"t.collect", "", "", "", bind<&collect>}};

struct WeakTables : ::testing::Test {
  std::string answer(const std::string& text) {
    std::string given;
    Call call(world, {.time = std::chrono::seconds(20)}, &given);
    const auto raised = testing::run(state.run(text, "policy.lua", call));
    return raised ? "error: " + raised->message : given;
  }

  testing::TestWorld world;
  struct Setup setup{.tables = {functions}, .modules = {}, .globals = {"t"}, .files = {}};
  State state{setup};
};

TEST_F(WeakTables, have_no_weak_keys) {
  for (const char* mode : {"k", "kv", "vk", "xkx"}) {
    EXPECT_EQ(answer("setmetatable({}, {__mode = '" + std::string(mode) + "'})"),
              "error: policy.lua:1: weak keys (__mode) are not available here");
  }
  for (const char* text :
       {"local t, mt = {}, {} setmetatable(t, mt) mt.__mode = 'k'",
        "local t, mt = {}, {} setmetatable(t, mt) rawset(mt, '__mode', 'k')",
        "local t, mt = {}, {__mode = 'v'} setmetatable(t, mt) mt.__mode = 'k'"}) {
    EXPECT_EQ(answer(std::string(text) + " t[{}] = 1 t[{}] = 2 t.collect = nil" +
                     " local collect = _G.t.collect collect()"
                     " local n = 0 for _ in pairs(t) do n = n + 1 end _G.t.result(n)"),
              "2")
        << text;
  }
}

TEST_F(WeakTables, may_have_weak_values) {
  const std::string given =
      "local w, keep = setmetatable({}, {__mode = 'v'}), {} w.kept = keep "
      "w.gone = {} w[1] = {} w.text = 'x' t.collect() ";
  EXPECT_EQ(answer(given + "t.result(w.kept == keep, w.gone, w[1], w.text)"),
            R"(true null null "x")");
  // Said later, or no longer, it counts when setmetatable gets it again.
  EXPECT_EQ(answer("local mt, w = {__mode = 'v'}, {} setmetatable(w, mt) mt.__mode = nil "
                   "setmetatable(w, mt) w.a = {} t.collect() t.result(w.a ~= nil)"),
            "true");
  EXPECT_EQ(answer("local mt, w = {}, {} setmetatable(w, mt) mt.__mode = 'v' "
                   "setmetatable(w, mt) w.a = {} t.collect() t.result(w.a ~= nil)"),
            "false");
}

TEST_F(WeakTables, no_script_sees_the_key_that_lua_reads) {
  EXPECT_EQ(
      answer("local mt = setmetatable({}, {__mode = 'v'}) and {__mode = 'v'} "
             "setmetatable({}, mt) local keys = {} for k in pairs(mt) do keys[#keys + 1] = k "
             "end t.result(keys, (next(mt)), next(mt, '__mode'), mt, getmetatable('').__mode)"),
      R"(["__mode"] "__mode" null {"__mode":"v"} null)");
  // Whoever writes its text has a string of his own.
  EXPECT_EQ(answer("local n = 0 for last = 0, 255 do local w, mt = {}, {['__mod' .. "
                   "string.char(last)] = last ~= 101 and 'k' or nil} setmetatable(w, mt) "
                   "w[{}] = 1 t.collect() if next(w) == nil then n = n + 1 end end t.result(n)"),
            "0");
}

TEST_F(WeakTables, next_and_pairs_are_those_of_the_manual) {
  const std::pair<const char*, const char*> cases[] = {
      {"t.result(next({}), (next({5})), next({5}, 1))", "null 1 null"},
      {"local n = 0 for k, v in pairs {1, 2, a = 3} do n = n + v end t.result(n)", "6"},
      {"local f, s, i = pairs(setmetatable({}, {__pairs = function(x) return next, {7}, nil end})) "
       "t.result(f(s, i))",
       "1 7"},
      {"t.result(pcall(next, {}, 'none'))", R"(false "invalid key to 'next'")"},
      {"t.result(pcall(pairs))", R"~(false "bad argument #1 to 'pairs' (value expected)")~"},
      {"t.result(pcall(next, 1))",
       R"~(false "bad argument #1 to 'next' (table expected, got number)")~"},
      {"t.result(pairs({}) == next)", "true"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

}  // namespace
}  // namespace postern::script
