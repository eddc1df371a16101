// C functions for Lua: an error jumps over the C++ stack, so no value here has a destructor. Error
// texts about arguments are Lua's own.
#include "script/lua_string.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "script/long_text.h"
#include "script/lua_search.h"

namespace postern::script {
namespace {

/// Octets that are examined one by one in the time of one instruction.
constexpr std::size_t octets_counted_per_step = 4;
constexpr std::size_t octets_changed_per_step = 16;
/// Longest format of string.format, in octets.
constexpr std::size_t longest_format = 1u << 20;

/// The progress of string.rep, and its final size.
struct Repeated {
  std::size_t size;
  std::size_t unit;
};

/// Doubles the existing text repeatedly, in pieces.
int go_on_repeating(lua_State* L, int, lua_KContext) {
  LongText<Repeated> made(L, 4);
  const Repeated wanted = made.progress();
  while (made.size() < wanted.size) {
    // Copies from the start of a unit on, so that the octets continue correctly.
    const std::size_t whole = made.size() - made.size() % wanted.unit;
    const std::size_t from = made.size() % wanted.unit;
    const std::size_t more =
        std::min({whole - from, wanted.size - made.size(), std::size_t{4} * octets_at_once});
    char* to = made.extend(more);
    std::memcpy(to, made.octets() + from, more);
    if (pay(L, 1 + more / octets_per_step)) return give_way(L, 0, go_on_repeating);
  }
  made.push();
  return 1;
}

int string_rep(lua_State* L) {
  const std::string_view text = text_argument(L, 1);
  const lua_Integer count = luaL_checkinteger(L, 2);
  std::size_t separator_size = 0;
  const char* separator = luaL_optlstring(L, 3, "", &separator_size);
  const std::size_t unit = text.size() + separator_size;
  if (count <= 0 || unit == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (static_cast<std::uint64_t>(count) > (longest_repetition + separator_size) / unit)
    return luaL_error(L, "resulting string too large");
  // There is no separator after the last unit.
  const std::size_t size = unit * static_cast<std::size_t>(count) - separator_size;
  lua_settop(L, 3);
  auto made = LongText<Repeated>::begin(L, 4, {.size = size, .unit = unit}, size);
  made.add(text);
  if (count > 1) made.add({separator, separator_size});
  return go_on_repeating(L, LUA_OK, 0);
}

/// upper, lower and reverse map each octet to one octet.
enum class Change : std::uint8_t { upper, lower, reverse };
template <Change change>
int go_on_changing(lua_State* L, int, lua_KContext) {
  LongText<char> made(L, 2);
  const std::string_view text = text_argument(L, 1);
  while (made.size() < text.size()) {
    const std::size_t begin = made.size();
    const std::size_t piece = std::min(text.size() - begin, octets_at_once);
    char* to = made.extend(piece);
    for (std::size_t i = 0; i < piece; ++i) {
      if constexpr (change == Change::reverse) {
        to[i] = text[text.size() - 1 - begin - i];
      } else {
        to[i] = change == Change::upper ? to_upper(text[begin + i]) : to_lower(text[begin + i]);
      }
    }
    if (pay(L, 1 + piece / octets_changed_per_step)) return give_way(L, 0, go_on_changing<change>);
  }
  made.push();
  return 1;
}

template <Change change>
int string_change(lua_State* L) {
  const std::string_view text = text_argument(L, 1);
  lua_settop(L, 1);
  LongText<char>::begin(L, 2, '\0', text.size());
  return go_on_changing<change>(L, LUA_OK, 0);
}

/// A function of Lua, upvalue 2, whose time is proportional to its first argument's size.
template <std::size_t octets>
int paid(lua_State* L) {
  std::size_t size = 0;
  if (lua_type(L, 1) == LUA_TSTRING) lua_tolstring(L, 1, &size);
  pay(L, 1 + size / octets);
  return lua_tocfunction(L, lua_upvalueindex(2))(L);
}

/// string.pack, packsize and unpack.
int paid_pack(lua_State* L) {
  if (text_argument(L, 1).size() > octets_at_once) return luaL_error(L, "format too long");
  return paid<octets_counted_per_step>(L);
}

/// string.byte and utf8.codepoint, which return one value for each octet of a range.
int paid_by_range(lua_State* L) {
  const auto size = static_cast<lua_Integer>(text_argument(L, 1).size());
  const lua_Integer from = luaL_optinteger(L, 2, 1);
  const lua_Integer to = luaL_optinteger(L, 3, from);
  const auto place = [size](lua_Integer at) {
    return std::clamp<lua_Integer>(at < 0 ? at + size + 1 : at, 0, size);
  };
  const lua_Integer count = place(to) - place(from) + 1;
  if (count > most_values) return luaL_error(L, "string slice too long");
  if (count > 1) pay(L, static_cast<std::uint64_t>(count));
  return lua_tocfunction(L, lua_upvalueindex(2))(L);
}

/// string.format: %q reads each octet, and long texts need it least.
int paid_format(lua_State* L) {
  const std::string_view format = text_argument(L, 1);
  if (format.size() > longest_format) return luaL_error(L, "format too long");
  if (format.find("%q") != std::string_view::npos) {
    std::size_t all = 0;
    for (int i = 2; i <= lua_gettop(L); ++i) all += lua_isstring(L, i) ? lua_rawlen(L, i) : 0;
    if (all > octets_at_once) return luaL_error(L, "string too long for '%%q'");
  }
  return paid<octets_counted_per_step>(L);
}

/// os.date: each conversion of the format costs some instructions.
int paid_date(lua_State* L) {
  constexpr std::size_t longest = 1000;
  if (lua_isstring(L, 1) != 0 && text_argument(L, 1).size() > longest) {
    return luaL_error(L, "the format of a date is too long");
  }
  return paid<1>(L);
}

/// Puts `function` in place of a function of a global table; the original becomes its upvalue.
void wrap(lua_State* L, const char* library, const char* name, lua_CFunction function,
          const Spending* spending) {
  lua_getglobal(L, library);
  lua_pushlightuserdata(L, const_cast<Spending*>(spending));
  lua_getfield(L, -2, name);
  lua_pushcclosure(L, function, 2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

constexpr luaL_Reg string_functions[] = {
    {"rep", &string_rep},
    {"upper", &string_change<Change::upper>},
    {"lower", &string_change<Change::lower>},
    {"reverse", &string_change<Change::reverse>},
    {nullptr, nullptr},
};

}  // namespace

void open_string(lua_State* L, const Spending* spending) {
  lua_getglobal(L, LUA_STRLIBNAME);
  lua_pushvalue(L, -1);
  set_search_functions(L, spending);
  set_functions(L, string_functions, spending);
  for (const char* name : {"pack", "packsize", "unpack"}) {
    wrap(L, LUA_STRLIBNAME, name, &paid_pack, spending);
  }
  wrap(L, LUA_STRLIBNAME, "format", &paid_format, spending);
  wrap(L, LUA_STRLIBNAME, "byte", &paid_by_range, spending);
  wrap(L, LUA_UTF8LIBNAME, "codepoint", &paid_by_range, spending);
  wrap(L, LUA_UTF8LIBNAME, "len", &paid<octets_counted_per_step>, spending);
  wrap(L, LUA_OSLIBNAME, "date", &paid_date, spending);
  wrap(L, LUA_GNAME, "tonumber", &paid<octets_counted_per_step>, spending);
}

}  // namespace postern::script
