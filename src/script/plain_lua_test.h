// A plain Lua state with this room's libraries and a test budget, so that the functions are tested
// without script::State.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "script/lua_string.h"
#include "script/lua_table.h"

namespace postern::script {

/// The fixture.
class PlainLua : public ::testing::Test {
 protected:
  PlainLua() : lua_(luaL_newstate()) {
    luaL_openlibs(lua_);
    // Lua's own functions, for comparison.
    luaL_dostring(lua_, R"(
      theirs = {}
      for _, library in ipairs{string, table} do
        for name, f in pairs(library) do theirs[name] = f end
      end
    )");
    static constexpr Spending spending{.spend = spend, .give_way = give_way};
    open_string(lua_, &spending);
    open_table(lua_, &spending);
    spent = 0;
    budget = unlimited;
    impatient = false;
    gave_way = 0;
  }
  ~PlainLua() override { lua_close(lua_); }

  /// The results of `text` as text; errors begin with "error: ". Checks that the results are the
  /// same when functions yield in between.
  std::string run(std::string_view text) {
    const bool loaded = luaL_loadbufferx(lua_, text.data(), text.size(), "=test", "t") == LUA_OK;
    const bool failed = !loaded || lua_pcall(lua_, 0, LUA_MULTRET, 0) != LUA_OK;
    std::string out = (failed ? "error: " : "") + values(lua_);
    if (loaded && budget == unlimited) EXPECT_EQ(run_impatiently(text), out) << text;
    return out;
  }
  /// As run(), with functions that yield as often as they can.
  std::string run_impatiently(std::string_view text) {
    lua_State* thread = lua_newthread(lua_);
    luaL_loadbufferx(thread, text.data(), text.size(), "=test", "t");
    impatient = true;
    int count = 0;
    int status = LUA_YIELD;
    while (status == LUA_YIELD) status = lua_resume(thread, lua_, 0, &count);
    impatient = false;
    std::string out = (status != LUA_OK ? "error: " : "") + values(thread);
    lua_settop(lua_, 0);
    return out;
  }
  /// The values on the stack, which is emptied; after an error the last one.
  static std::string values(lua_State* L) {
    std::string out;
    const int first = lua_status(L) > LUA_YIELD ? lua_gettop(L) : 1;
    for (int i = first; i <= lua_gettop(L); ++i) {
      if (i > first) out += '|';
      std::size_t size = 0;
      const char* value = luaL_tolstring(L, i, &size);
      out.append(value, size);
      lua_pop(L, 1);
    }
    lua_settop(L, 0);
    return out;
  }

  static bool spend(lua_State* L, std::uint64_t steps) {
    spent += steps;
    if (spent > budget) luaL_error(L, "budget");
    return impatient && lua_isyieldable(L) != 0;
  }
  static int give_way(lua_State* L, lua_KContext context, lua_KFunction k) {
    ++gave_way;
    return lua_yieldk(L, 0, context, k);
  }
  /// Every function that may yield does so whenever it pays.
  static inline bool impatient = false;
  static inline int gave_way = 0;
  static inline std::uint64_t spent = 0;
  static constexpr std::uint64_t unlimited = 1'000'000'000;
  static inline std::uint64_t budget = 0;
  lua_State* lua_;
};

}  // namespace postern::script
