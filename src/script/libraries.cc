// Lua's own libraries as the sandbox has them, and the tables of host functions.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "script/chance.h"
#include "script/lua_io.h"
#include "script/lua_string.h"
#include "script/lua_table.h"
#include "script/runtime.h"
#include "script/standard_names.h"

namespace postern::script {

namespace {

/// Metatables without `__gc` and weak keys: finalizers run without a budget, and so does the end of
/// a collection, which takes quadratic time in the number of entries with weak keys.
int set_metatable(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
    return luaL_error(L, "cannot change a protected metatable");
  }
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "__gc is not available here");
    lua_pushliteral(L, "__mode");
    if (lua_rawget(L, 2) == LUA_TSTRING &&
        std::string_view(lua_tostring(L, -1)).find('k') != std::string_view::npos) {
      return luaL_error(L, "weak keys (__mode) are not available here");
    }
    lua_pop(L, 2);
  }
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

int after_pcall(lua_State* L, int status, lua_KContext) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/// pcall() with limited nesting.
int protected_call(lua_State* L) {
  luaL_checkany(L, 1);
  Runtime::limit_depth(L);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  return after_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, after_pcall), 0);
}

/// xpcall() that calls the handler after the error has unwound: Lua would call it without a budget.
int after_xpcall(lua_State* L, int status, lua_KContext) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
  lua_pushboolean(L, 0);
  lua_pushvalue(L, 1);
  lua_rotate(L, -3, 2);  // false, handler, error
  lua_callk(L, 1, 1, 2, [](lua_State*, int, lua_KContext results) { return int(results); });
  return 2;
}

int handled_call(lua_State* L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  Runtime::limit_depth(L);
  const int arguments = lua_gettop(L) - 2;
  lua_pushboolean(L, 1);
  lua_insert(L, 3);  // f, handler, true, arguments
  lua_pushvalue(L, 1);
  lua_insert(L, 4);  // f, handler, true, f, arguments
  lua_remove(L, 1);  // handler, true, f, arguments
  const int status = lua_pcallk(L, arguments, LUA_MULTRET, 0, 0, after_xpcall);
  return after_xpcall(L, status, 0);
}

/// A full collection takes long; hooks must not start one.
int collect_garbage(lua_State* L) {
  if (std::strcmp(luaL_optstring(L, 1, "collect"), "count") == 0) {
    lua_pushnumber(L, static_cast<lua_Number>(State::of(L).memory()) / 1024);
  } else {
    lua_pushinteger(L, 0);
  }
  return 1;
}

/// print(...): writes a line to the log.
int print(lua_State* L) {
  const int count = lua_gettop(L);
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  for (int i = 1; i <= count; ++i) {
    if (i > 1) luaL_addchar(&line, '\t');
    luaL_tolstring(L, i, nullptr);
    luaL_addvalue(&line);
  }
  luaL_pushresult(&line);
  return stack::guarded(L, [](lua_State* inner) {
    Call& call = stack::current(inner);
    const std::string text = call.redacted(std::string(stack::text_at(inner, lua_gettop(inner))));
    call.world().log("info", State::of(inner).place(), text);
    return 0;
  });
}

/// Joins the pieces that a function returns until it returns nil.
void gather_pieces(lua_State* L) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (;;) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    std::size_t size = 0;
    if (!lua_isnil(L, -1) && lua_tolstring(L, -1, &size) == nullptr) {
      luaL_error(L, "reader function must return a string");
    }
    if (size == 0) break;
    luaL_addvalue(&text);
  }
  lua_pop(L, 1);
  luaL_pushresult(&text);
}

/// The cost of compiling one octet of Lua text, in steps.
constexpr std::size_t steps_per_octet = 8;

/// load() for text only, as Lua does not verify bytecode.
int load(lua_State* L) {
  const bool has_environment = !lua_isnone(L, 4);
  const char* mode = luaL_optstring(L, 3, "bt");
  lua_settop(L, 4);
  if (lua_type(L, 1) != LUA_TSTRING) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    gather_pieces(L);
    lua_pushliteral(L, "=(load)");
  } else {
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 1);
  }
  std::size_t size = 0;
  const char* text = lua_tolstring(L, -2, &size);
  const char* name = luaL_optstring(L, 2, lua_tostring(L, -1));
  State::spend(L, size * steps_per_octet);
  mode = std::strchr(mode, 't') != nullptr ? "t" : "";
  if (luaL_loadbufferx(L, text, size, name, mode) != LUA_OK) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (has_environment) {
    lua_pushvalue(L, 4);
    if (lua_setupvalue(L, -2, 1) == nullptr) lua_pop(L, 1);
  }
  return 1;
}

/// Whether a variable with this name may hold a secret that logs must not show.
bool names_secret(std::string_view name) {
  constexpr std::string_view parts[] = {"TOKEN", "PASSWORD", "PASSWD", "SECRET", "_KEY"};
  const std::string upper_name = upper(name);
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return upper_name.find(part) != std::string::npos; });
}

/// A name that no file has. Scripts write no files, so nothing is made.
std::string temporary_name(Call& call) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz012345";
  std::string name = "/tmp/lua_";
  std::uint64_t random = call.random();
  for (int i = 0; i < 12; ++i, random >>= 5) name += letters[random & 31];
  return name;
}

json::value environment(Call& call, std::string name) {
  return call.told_by("getenv", [&]() -> json::value {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return nullptr;
    if (names_secret(name)) call.state().keep_secret(value);
    return json::value(value);
  });
}

/// The error of an unknown name in a host table.
int lacking(lua_State* L) {
  return luaL_error(L, "%s.%s is not available in Postern", lua_tostring(L, lua_upvalueindex(1)),
                    luaL_tolstring(L, 2, nullptr));
}

int error_text(lua_State* L) {
  const auto thrown = stack::thrown_at(L, 1);
  stack::push(L, thrown ? std::string_view(thrown->text()) : std::string_view("error"));
  return 1;
}

/// `__index` of a class with fields. Upvalues: its methods, and the functions of its fields.
int index_class(lua_State* L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TNIL) return 1;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/// Pushes registry[class], which has __methods and __fields until finish_classes().
void push_class(lua_State* L, const std::string& name) {
  stack::push_object(L, nullptr, name);
  lua_getmetatable(L, -1);
  lua_remove(L, -2);
  const int metatable = lua_gettop(L);
  if (lua_getfield(L, metatable, "__methods") == LUA_TNIL) {
    for (const char* part : {"__methods", "__fields"}) {
      lua_newtable(L);
      lua_setfield(L, metatable, part);
    }
    lua_getfield(L, metatable, "__methods");
    lua_getfield(L, metatable, "__fields");
    lua_pushcclosure(L, index_class, 2);
    lua_setfield(L, metatable, "__index");
  }
  lua_settop(L, metatable);
}

/// Pushes the table `path` of host names and creates missing parts. Unknown names in it raise
/// errors.
void push_table(lua_State* L, std::string_view path) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t dot = std::min(path.find('.', at), path.size());
    const std::string part(path.substr(at, dot - at));
    stack::push(L, std::string_view(part));
    if (lua_rawget(L, -2) != LUA_TTABLE) {  // a missing part is created
      lua_pop(L, 1);
      lua_newtable(L);
      lua_newtable(L);
      stack::push(L, path.substr(0, dot));
      lua_pushcclosure(L, lacking, 1);
      lua_setfield(L, -2, "__index");
      lua_setmetatable(L, -2);
      lua_pushvalue(L, -1);
      lua_setfield(L, -3, part.c_str());
    }
    lua_remove(L, -2);
    at = dot + 1;
  }
}

/// "Regex:find" is a method, "Address.user" a field, "kumo.string.split" a function.
void add_function(lua_State* L, const HostFunction& row) {
  const std::size_t end = row.name.find_last_of(".:");
  const std::string owner(row.name.substr(0, end));
  const std::string member(row.name.substr(end + 1));
  if (std::isupper(static_cast<unsigned char>(owner[0])) == 0) {
    push_table(L, owner);
  } else {
    push_class(L, owner);
    if (!member.starts_with("__")) {
      lua_getfield(L, -1, row.name[end] == ':' ? "__methods" : "__fields");
      lua_remove(L, -2);
    }
  }
  lua_pushcfunction(L, row.call);
  if (row.constant) lua_call(L, 0, 1);
  lua_setfield(L, -2, member.c_str());
  lua_pop(L, 1);
}

/// Loads a Lua module; `require` calls it.
int open_module(lua_State* L) {
  std::size_t size = 0;
  const char* text = lua_tolstring(L, lua_upvalueindex(1), &size);
  const std::string_view name = stack::text_at(L, 1);
  if (luaL_loadbufferx(L, text, size, ("=" + std::string(name)).c_str(), "t") != LUA_OK) {
    return lua_error(L);
  }
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

constexpr luaL_Reg own_base[] = {{"setmetatable", set_metatable},
                                 {"pcall", protected_call},
                                 {"xpcall", handled_call},
                                 {"collectgarbage", collect_garbage},
                                 {"print", print},
                                 {"load", load},
                                 {nullptr, nullptr}};

/// Opens `os`; withhold_names() takes away what reaches out of the sandbox.
void open_os(lua_State* L) {
  luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 1);
  lua_pushcfunction(L, bind<&environment>);
  lua_setfield(L, -2, "getenv");
  lua_pushcfunction(L, bind<&temporary_name>);
  lua_setfield(L, -2, "tmpname");
  lua_pop(L, 1);
}

}  // namespace

void Runtime::limit_depth(lua_State* L) {
  constexpr int deepest = 1000;
  lua_Debug frame{};
  if (lua_getstack(L, deepest, &frame) != 0) luaL_error(L, "stack overflow");
}

void Runtime::open_libraries(State& state) {
  lua_State* L = state.main_;
  for (const luaL_Reg& library : {luaL_Reg{LUA_GNAME, luaopen_base},
                                  {LUA_TABLIBNAME, luaopen_table},
                                  {LUA_STRLIBNAME, luaopen_string},
                                  {LUA_MATHLIBNAME, luaopen_math},
                                  {LUA_UTF8LIBNAME, luaopen_utf8},
                                  {LUA_COLIBNAME, luaopen_coroutine}}) {
    luaL_requiref(L, library.name, library.func, 1);
    lua_pop(L, 1);
  }
  lua_pushglobaltable(L);
  luaL_setfuncs(L, own_base, 0);
  lua_pop(L, 1);
  open_os(L);
  static constexpr Spending spending{.spend = &State::spend, .give_way = &State::give_way};
  open_string(L, &spending);
  open_table(L, &spending);
  open_chance(L);
  open_io(L);
  Coroutines::open(L);
  withhold_names(L);
}

void Runtime::register_tables(State& state) {
  lua_State* L = state.main_;
  push_class(L, "Error");
  lua_pushcfunction(L, error_text);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
  for (const HostTable& table : state.setup_.tables) {
    for (const HostFunction& row : table) add_function(L, row);
  }
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (const std::string& name : state.setup_.globals) {
    lua_getfield(L, -1, name.c_str());
    lua_setglobal(L, name.c_str());
  }
  lua_pop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const auto& [name, text] : state.setup_.modules) {
    stack::push(L, text);
    lua_pushcclosure(L, open_module, 1);
    lua_setfield(L, -2, std::string(name).c_str());
  }
  lua_pop(L, 1);
}

}  // namespace postern::script
