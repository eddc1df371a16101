// A Lua state as Lua makes it, with the libraries of this room in it and a budget of its own: the
// functions are tested without the machine that runs scripts.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "script/lua_string.h"
#include "script/lua_table.h"

namespace postern::script {

class PlainLua : public testing::Test {
 protected:
  PlainLua() : lua_(luaL_newstate()) {
    luaL_openlibs(lua_);
    // What Lua brings, for comparison.
    luaL_dostring(lua_, R"(
      theirs = {}
      for _, library in ipairs{string, table} do
        for name, f in pairs(library) do theirs[name] = f end
      end
    )");
    open_string(lua_, &spend);
    open_table(lua_, &spend);
    spent = 0;
    budget = 1'000'000'000;
  }
  ~PlainLua() override { lua_close(lua_); }

  /// What `text` returns, as text; errors begin with "error: ".
  std::string run(std::string_view text) {
    const bool failed = luaL_loadbufferx(lua_, text.data(), text.size(), "=test", "t") != LUA_OK ||
                        lua_pcall(lua_, 0, LUA_MULTRET, 0) != LUA_OK;
    std::string out = failed ? "error: " : "";
    for (int i = 1; i <= lua_gettop(lua_); ++i) {
      if (i > 1) out += '|';
      std::size_t size = 0;
      const char* value = luaL_tolstring(lua_, i, &size);
      out.append(value, size);
      lua_pop(lua_, 1);
    }
    lua_settop(lua_, 0);
    return out;
  }

  static void spend(lua_State* L, std::uint64_t steps) {
    spent += steps;
    if (spent > budget) luaL_error(L, "budget");
  }
  static inline std::uint64_t spent = 0;
  static inline std::uint64_t budget = 0;
  lua_State* lua_;
};

}  // namespace postern::script
