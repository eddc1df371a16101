#include "script/standard_names.h"

#include <algorithm>

#include <lua.hpp>

namespace postern::script {

namespace {

constexpr StandardLibrary library_table[] = {
    {"_G",
     "_G _VERSION assert collectgarbage coroutine dofile error getmetatable io ipairs load "
     "loadfile "
     "math next os package pairs pcall print rawequal rawget rawlen rawset require select "
     "setmetatable string table tonumber tostring type utf8 xpcall"},
    {"coroutine", "close create isyieldable resume running status wrap yield"},
    {"debug", ""},
    {"io", "lines open type"},
    {"math",
     "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max "
     "maxinteger min mininteger modf pi pow rad random randomseed sin sinh sqrt tan tanh tointeger "
     "type ult"},
    {"os", "clock date difftime getenv time tmpname"},
    {"package", "config cpath loaded path preload"},
    {"string",
     "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack "
     "upper"},
    {"table", "concat insert move pack remove sort unpack"},
    {"utf8", "char charpattern codepoint codes len offset"},
    {"FILE*", "close lines read seek"},
};

constexpr std::string_view debugging = "there is no `debug` library";
constexpr std::string_view errors_have_one =
    "there is no `debug` library; an error of a hook is logged with its place";
constexpr std::string_view reading_only =
    "scripts write no files; `kumo.log_info` writes to the log, `sqlite` keeps data";
constexpr std::string_view no_streams =
    "hooks have no standard streams; `print` and `kumo.log_info` write to the log";
constexpr std::string_view programs =
    "scripts start no programs; ask one by `kumo.http`, or use a `cmd` service of a .vsl policy";
constexpr std::string_view modules =
    "only modules written in Lua are loaded, and `package.path` says from where";

constexpr WithheldName withheld_table[] = {
    {"_G", "debug", errors_have_one},
    {"_G", "warn", "`print` and `kumo.log_warn` write to the log"},
    {"debug", "debug", debugging},
    {"debug", "gethook", debugging},
    {"debug", "getinfo", debugging},
    {"debug", "getlocal", debugging},
    {"debug", "getmetatable", "there is no `debug` library; `getmetatable` is a function"},
    {"debug", "getregistry", debugging},
    {"debug", "getupvalue", debugging},
    {"debug", "getuservalue", debugging},
    {"debug", "setcstacklimit", debugging},
    {"debug", "sethook", debugging},
    {"debug", "setlocal", debugging},
    {"debug", "setmetatable", "there is no `debug` library; `setmetatable` is a function"},
    {"debug", "setupvalue", debugging},
    {"debug", "setuservalue", debugging},
    {"debug", "traceback", errors_have_one},
    {"debug", "upvalueid", debugging},
    {"debug", "upvaluejoin", debugging},
    {"io", "close", "a file is closed by its method, `file:close()`"},
    {"io", "flush", reading_only},
    {"io", "input", no_streams},
    {"io", "output", no_streams},
    {"io", "popen", programs},
    {"io", "read", no_streams},
    {"io", "stderr", no_streams},
    {"io", "stdin", no_streams},
    {"io", "stdout", no_streams},
    {"io", "tmpfile", reading_only},
    {"io", "write", no_streams},
    {"os", "execute", programs},
    {"os", "exit", "a hook ends with `return` or `kumo.reject`, and does not stop the gateway"},
    {"os", "remove", "scripts change no files"},
    {"os", "rename", "scripts change no files"},
    {"os", "setlocale", "the locale is `C`"},
    {"package", "loadlib", modules},
    {"package", "searchers", modules},
    {"package", "searchpath", modules},
    {"string", "dump", "scripts load Lua text, never bytecode"},
    {"FILE*", "flush", reading_only},
    {"FILE*", "setvbuf", reading_only},
    {"FILE*", "write", reading_only},
};

}  // namespace

std::span<const StandardLibrary> standard_libraries() { return library_table; }
std::span<const WithheldName> withheld_names() { return withheld_table; }

const StandardLibrary* standard_library(std::string_view name) {
  const auto* const found = std::ranges::find(library_table, name, &StandardLibrary::name);
  return found == std::end(library_table) ? nullptr : found;
}

bool is_offered(const StandardLibrary& library, std::string_view name) {
  for (std::string_view rest = library.offered; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == name) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

const WithheldName* withheld_name(std::string_view library, std::string_view name) {
  const auto* const found = std::ranges::find_if(withheld_table, [&](const WithheldName& one) {
    return one.library == library && one.name == name;
  });
  return found == std::end(withheld_table) ? nullptr : found;
}

void withhold_names(lua_State* L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  for (const StandardLibrary& library : library_table) {
    const std::string_view name = library.name;
    lua_pushlstring(L, name.data(), name.size());
    if (lua_rawget(L, -2) == LUA_TTABLE) {
      lua_pushnil(L);
      while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        std::size_t size = 0;
        const char* key = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : "";
        if (is_offered(library, {key, size})) continue;
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, -4);  // a field may be cleared while its table is walked (manual §6.1)
      }
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

}  // namespace postern::script
