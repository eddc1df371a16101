#include "script/standard_names.h"

#include <lua.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {
namespace {

using Names = std::set<std::string>;

std::string full(std::string_view library, std::string_view name) {
  return std::string(library) + (library == "FILE*" ? ":" : ".") + std::string(name);
}

Names offered() {
  Names names;
  for (const StandardLibrary& library : standard_libraries()) {
    std::istringstream words{std::string(library.offered)};
    for (std::string word; words >> word;) names.insert(full(library.name, word));
  }
  return names;
}

/// What a script finds: every name of every library, and every method of files.
constexpr const char* walk = R"lua(
  local function each(take)
    local function of(name, library)
      for key in pairs(library) do take(name == 'FILE*' and name .. ':' .. key or name .. '.' .. key) end
    end
    for _, name in ipairs { 'coroutine', 'debug', 'io', 'math', 'os', 'package', 'string', 'table', 'utf8' } do
      if _G[name] then of(name, _G[name]) end
    end
    of('_G', _G)
    return of
  end
)lua";

// A name that neither list has would be called in a hook without a word from `postern check`.
TEST(StandardNames, every_name_of_lua_is_in_the_table) {
  const std::unique_ptr<lua_State, void (*)(lua_State*)> lua(luaL_newstate(), lua_close);
  lua_State* L = lua.get();
  luaL_openlibs(L);
  const std::string text = std::string(walk) +
                           "local all = {} local of = each(function(one) all[#all + 1] = one end) "
                           "of('FILE*', getmetatable(io.stdout).__index) "
                           "return table.concat(all, ' ')";
  ASSERT_EQ(luaL_dostring(L, text.c_str()), LUA_OK) << lua_tostring(L, -1);
  Names known = offered();
  for (const WithheldName& one : withheld_names()) {
    EXPECT_TRUE(known.insert(full(one.library, one.name)).second) << one.name << " is in both";
    EXPECT_FALSE(one.instead.empty()) << one.name;
  }
  std::istringstream names(lua_tostring(L, -1));
  int count = 0;
  for (std::string name; names >> name; ++count) EXPECT_TRUE(known.contains(name)) << name;
  EXPECT_GT(count, 150);
}

TEST(StandardNames, scripts_have_what_is_offered_and_no_more) {
  testing::TestWorld world;
  const script::Setup setup;
  State state(setup);
  Call call(world, {});
  const auto raised = testing::run(
      state.run(std::string(walk) + "local all = {} each(function(one) all[#all + 1] = one end) "
                                    "error(table.concat(all, ' '), 0)",
                "policy.lua", call));
  ASSERT_TRUE(raised);
  std::istringstream found(raised->message);
  Names names;
  for (std::string name; found >> name;) names.insert(name);
  Names wanted = offered();
  std::erase_if(wanted, [](const std::string& one) { return one.starts_with("FILE*"); });
  EXPECT_EQ(names, wanted);
}

TEST(StandardNames, are_found) {
  ASSERT_NE(withheld_name("os", "execute"), nullptr);
  EXPECT_EQ(withheld_name("os", "date"), nullptr);
  EXPECT_EQ(withheld_name("os", "exec"), nullptr) << "Lua has no such name";
  ASSERT_NE(standard_library("os"), nullptr);
  EXPECT_TRUE(is_offered(*standard_library("os"), "date"));
  EXPECT_FALSE(is_offered(*standard_library("os"), "dat"));
  EXPECT_FALSE(is_offered(*standard_library("debug"), ""));
  EXPECT_EQ(standard_library("posix"), nullptr);
}

}  // namespace
}  // namespace postern::script
