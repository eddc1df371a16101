#include "script/chance.h"

#include <bit>
#include <ctime>

#include "script/bind.h"

namespace postern::script {
namespace {

std::int64_t seconds_now(Call& call) {
  return call
      .told_by(
          "time", []() -> json::value { return std::int64_t{std::time(nullptr)}; }, Source::facts)
      .to_number<std::int64_t>();
}

double seconds_computed(Call& call) {
  const auto read = []() -> json::value {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  };
  return call.told_by("clock", read, Source::facts).to_number<double>();
}

/// Upvalue 1 is Lua's os.time, which converts a given time without the clock.
int os_time(lua_State* L) {
  if (lua_isnoneornil(L, 1)) return bind<&seconds_now>(L);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

int os_date(lua_State* L) {
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushcfunction(L, bind<&seconds_now>);
    lua_call(L, 0, 1);
    lua_replace(L, 2);
  }
  if (lua_isnil(L, 1)) {
    lua_pushliteral(L, "%c");
    lua_replace(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

std::int64_t random_integer(Call& call) { return static_cast<std::int64_t>(call.random()); }

lua_Unsigned next_random(lua_State* L) {
  lua_pushcfunction(L, bind<&random_integer>);
  lua_call(L, 0, 1);
  const auto number = static_cast<lua_Unsigned>(lua_tointeger(L, -1));
  lua_pop(L, 1);
  return number;
}

/// Uniform in 0..`most`: larger numbers are drawn again.
lua_Unsigned random_up_to(lua_State* L, lua_Unsigned most) {
  const lua_Unsigned mask = most == 0 ? 0 : ~lua_Unsigned{0} >> std::countl_zero(most);
  lua_Unsigned number = next_random(L) & mask;
  while (number > most) number = next_random(L) & mask;
  return number;
}

int math_random(lua_State* L) {
  lua_Integer low = 1;
  lua_Integer high = 0;
  switch (lua_gettop(L)) {
    case 0:
      // 53 bits: the precision of a double in 0..1.
      lua_pushnumber(L, static_cast<lua_Number>(next_random(L) >> 11) * 0x1.0p-53);
      return 1;
    case 1:
      high = luaL_checkinteger(L, 1);
      if (high == 0) {
        lua_pushinteger(L, static_cast<lua_Integer>(next_random(L)));
        return 1;
      }
      break;
    case 2:
      low = luaL_checkinteger(L, 1);
      high = luaL_checkinteger(L, 2);
      break;
    default:
      return luaL_error(L, "wrong number of arguments");
  }
  luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
  const auto from = static_cast<lua_Unsigned>(low);
  const lua_Unsigned number = random_up_to(L, static_cast<lua_Unsigned>(high) - from);
  lua_pushinteger(L, static_cast<lua_Integer>(from + number));
  return 1;
}

std::int64_t own_seed(Call& call) { return static_cast<std::int64_t>(call.seed_random()); }
void given_seed(Call& call, std::int64_t seed) {
  call.seed_random(static_cast<std::uint64_t>(seed));
}

/// Returns the two parts of the seed, as Lua does.
int math_randomseed(lua_State* L) {
  if (lua_isnone(L, 1)) {
    lua_pushcfunction(L, bind<&own_seed>);
    lua_call(L, 0, 1);
    lua_pushinteger(L, 0);
    return 2;
  }
  lua_Integer first = 0;
  if (lua_isinteger(L, 1) != 0) {
    first = lua_tointeger(L, 1);
  } else {
    first = std::bit_cast<lua_Integer>(luaL_checknumber(L, 1));
  }
  const lua_Integer second = luaL_optinteger(L, 2, 0);
  lua_pushcfunction(L, bind<&given_seed>);
  lua_pushinteger(
      L, first ^ static_cast<lua_Integer>(std::rotl(static_cast<lua_Unsigned>(second), 32)));
  lua_call(L, 1, 0);
  lua_pushinteger(L, first);
  lua_pushinteger(L, second);
  return 2;
}

}  // namespace

void open_chance(lua_State* L) {
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_getfield(L, -1, "time");
  lua_pushcclosure(L, os_time, 1);
  lua_setfield(L, -2, "time");
  lua_getfield(L, -1, "date");
  lua_pushcclosure(L, os_date, 1);
  lua_setfield(L, -2, "date");
  lua_pushcfunction(L, bind<&seconds_computed>);
  lua_setfield(L, -2, "clock");
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_pushcfunction(L, math_random);
  lua_setfield(L, -2, "random");
  lua_pushcfunction(L, math_randomseed);
  lua_setfield(L, -2, "randomseed");
  lua_pop(L, 2);
}

}  // namespace postern::script
