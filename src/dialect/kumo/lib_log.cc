// kumo.log_*: writes log lines.
#include <array>

#include "dialect/kumo/json_encode.h"
#include "dialect/kumo/library.h"
#include "script/state.h"

namespace postern::dialect::kumo {

using script::Call;
using script::HostFunction;
using script::Rest;

namespace {

enum Level { debug, info, warning, error };
constexpr std::array<std::string_view, 4> levels = {"debug", "info", "warning", "error"};

template <Level level>
void log(Call& call, Rest values) {
  std::string line;
  for (const json::value& value : values.values) {
    if (&value != values.values.data()) line += ' ';
    line += value.is_null() ? "nil" : plain_text(value);
  }
  call.world().log(levels[level], call.state().place(), call.redacted(std::move(line)));
}

/// Values that are not plain data are logged as tostring() shows them.
template <Level level>
int log_anything(lua_State* L) {
  for (int i = 1; i <= lua_gettop(L); ++i) {
    const int type = lua_type(L, i);
    if (type != LUA_TUSERDATA && type != LUA_TFUNCTION && type != LUA_TTHREAD) continue;
    luaL_tolstring(L, i, nullptr);
    lua_replace(L, i);
  }
  return script::bind<&log<level>>(L);
}

constexpr HostFunction log_rows[] = {
    {"kumo.log_debug", "...: any", "", "Logs at level debug, see kumo.log_info.",
     log_anything<debug>},
    {"kumo.log_info", "...: any", "",
     "Logs the values, separated by blanks, tables as JSON. Passwords and secrets of this call "
     "are left out. `print` does the same.",
     log_anything<info>},
    {"kumo.log_warn", "...: any", "", "Logs at level warning, see kumo.log_info.",
     log_anything<warning>},
    {"kumo.log_error", "...: any", "", "Logs at level error, see kumo.log_info.",
     log_anything<error>},
};

}  // namespace

script::HostTable log_functions() { return log_rows; }

}  // namespace postern::dialect::kumo
