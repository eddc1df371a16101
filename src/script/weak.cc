#include "script/weak.h"

#include <string>
#include <string_view>

namespace postern::script {

namespace {

constexpr char hidden_key = 0;

int next(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  while (lua_next(L, 1) != 0) {
    if (!Weak::is_hidden(L, -2)) return 2;
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  return 1;
}

int after_pairs(lua_State*, int, lua_KContext) { return 3; }

int pairs(lua_State* L) {
  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 3, 0, after_pairs);
    return 3;
  }
  lua_pushcfunction(L, next);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

}  // namespace

/// Lua keeps one object for each short string, by which alone a short key is found, and among them
/// `__mode`, which it holds itself. With another text that object is found by nobody who writes the
/// one or the other: it stays in the list of strings where `__mode` belongs, and a text is chosen
/// that belongs elsewhere. Lists are told apart by more and more bits as a state grows, and this is
/// one without anything in it.
void Weak::hide_mode(lua_State* L) {
  lua_pushliteral(L, "__mode");
  std::size_t size = 0;
  char* text = const_cast<char*>(lua_tolstring(L, -1, &size));
  for (int last = 1; last < 256; ++last) {
    text[size - 1] = static_cast<char>(last);
    const std::string copy(text, size);
    lua_pushlstring(L, copy.data(), size);
    const bool is_found = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 1);
    if (!is_found && text[size - 1] != 'e') break;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &hidden_key);
}

void Weak::set(lua_State* L, int index, const char* mode) {
  const int metatable = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hidden_key);
  lua_pushstring(L, mode);
  lua_rawset(L, metatable);
}

void Weak::take_over(lua_State* L, int index) {
  const int metatable = lua_absindex(L, index);
  lua_pushliteral(L, "__mode");
  const bool is_text = lua_rawget(L, metatable) == LUA_TSTRING;
  const std::string_view mode = is_text ? lua_tostring(L, -1) : "";
  if (mode.find('k') != std::string_view::npos) {
    luaL_error(L, "weak keys (__mode) are not available here");
  }
  const bool is_weak = mode.find('v') != std::string_view::npos;
  lua_pop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hidden_key);
  const bool was_weak = lua_rawget(L, metatable) != LUA_TNIL;
  lua_pop(L, 1);
  if (is_weak != was_weak) set(L, metatable, is_weak ? "v" : nullptr);
}

bool Weak::is_hidden(lua_State* L, int index) {
  if (lua_type(L, index) != LUA_TSTRING || lua_rawlen(L, index) != 6) return false;
  const int key = lua_absindex(L, index);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hidden_key);
  const bool is_same = lua_rawequal(L, -1, key) != 0;
  lua_pop(L, 1);
  return is_same;
}

void Weak::open(lua_State* L) {
  static constexpr luaL_Reg own[] = {{"next", next}, {"pairs", pairs}, {nullptr, nullptr}};
  luaL_setfuncs(L, own, 0);
}

}  // namespace postern::script
