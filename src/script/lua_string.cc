// C functions of Lua: an error jumps out of them over whatever is on the stack, so no value here
// has a destructor. What Lua's own functions say about wrong arguments is said here too.
#include "script/lua_string.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "script/lua_pattern.h"

namespace postern::script {
namespace {

/// Pays for a match before more than this many steps are owed.
constexpr std::uint64_t steps_at_once = 10'000;
/// Characters that utf8.len counts in the time of an instruction.
constexpr std::size_t octets_counted_per_step = 4;
/// A plain search pays after this many octets.
constexpr std::size_t octets_at_once = 64u << 10;

std::string_view text_argument(lua_State* L, int index) {
  std::size_t size = 0;
  const char* data = luaL_checklstring(L, index, &size);
  return {data, size};
}

/// The argument `init` as an offset; negative ones count from the end. May be beyond `size`.
std::size_t init_argument(lua_State* L, int index, std::size_t size) {
  const lua_Integer init = luaL_optinteger(L, index, 1);
  if (init > 0) return static_cast<std::size_t>(init) - 1;
  const auto back = std::size_t{0} - static_cast<std::size_t>(init);
  return init == 0 || back > size ? 0 : size - back;
}

/// Looks for the first match that begins at `start` or later and does not end at `not_ending`.
/// `start` becomes where it begins.
bool search(lua_State* L, PatternMatcher& matcher, std::string_view subject, std::size_t& start,
            std::size_t not_ending = SIZE_MAX) {
  std::uint64_t owed = 0;
  for (; start <= subject.size(); ++start) {
    const PatternMatcher::Outcome outcome = matcher.match_at(start);
    owed += matcher.take_steps();
    if (outcome == PatternMatcher::Outcome::error) {
      pay(L, owed);
      luaL_error(L, "%s", matcher.error());
    }
    const bool found = outcome == PatternMatcher::Outcome::match && matcher.end() != not_ending;
    if (found) {
      pay(L, owed + 1);
      return true;
    }
    if (owed >= steps_at_once) {
      pay(L, owed);
      owed = 0;
    }
  }
  pay(L, owed);
  return false;
}

/// A match at `start` alone.
bool match_here(lua_State* L, PatternMatcher& matcher, std::size_t start) {
  const PatternMatcher::Outcome outcome = matcher.match_at(start);
  pay(L, matcher.take_steps() + 1);
  if (outcome == PatternMatcher::Outcome::error) luaL_error(L, "%s", matcher.error());
  return outcome == PatternMatcher::Outcome::match;
}

/// What is matched, and where.
struct Matched {
  const PatternMatcher& matcher;
  std::string_view subject;
  std::size_t start;

  std::string_view whole() const { return subject.substr(start, matcher.end() - start); }
};

/// A capture; the whole match for the first of none.
void push_capture(lua_State* L, const Matched& matched, int index) {
  const PatternMatcher& matcher = matched.matcher;
  if (index >= matcher.captures()) {
    if (index != 0) luaL_error(L, "invalid capture index %%%d", index + 1);
    const std::string_view whole = matched.whole();
    lua_pushlstring(L, whole.data(), whole.size());
    return;
  }
  const PatternMatcher::Capture& capture = matcher.capture(index);
  if (capture.is_open()) luaL_error(L, "unfinished capture");
  if (capture.is_position()) {
    lua_pushinteger(L, static_cast<lua_Integer>(capture.begin) + 1);
  } else {
    lua_pushlstring(L, matched.subject.data() + capture.begin, capture.length);
  }
}

/// All captures; where there are none the whole match, unless `captures_only`.
int push_captures(lua_State* L, const Matched& matched, bool captures_only = false) {
  const int count =
      matched.matcher.captures() == 0 && !captures_only ? 1 : matched.matcher.captures();
  luaL_checkstack(L, count, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(L, matched, i);
  return count;
}

/// An anchor at the front is taken off.
bool take_anchor(std::string_view& pattern) {
  if (!pattern.starts_with('^')) return false;
  pattern.remove_prefix(1);
  return true;
}

int find_plain(lua_State* L, std::string_view subject, std::string_view wanted, std::size_t start) {
  // In pieces, so that it is paid for as it goes; they overlap by all but one octet of `wanted`.
  for (;;) {
    const std::size_t piece = std::min(subject.size() - start, octets_at_once + wanted.size());
    // memmem, since std::string_view::find can take the product of both sizes.
    const void* found = memmem(subject.data() + start, piece, wanted.data(), wanted.size());
    const auto at = found == nullptr ? static_cast<lua_Integer>(start + piece)
                                     : static_cast<const char*>(found) - subject.data();
    pay(L, 1 + (static_cast<std::size_t>(at) - start) / octets_per_step);
    if (found != nullptr) {
      lua_pushinteger(L, at + 1);
      lua_pushinteger(L, at + static_cast<lua_Integer>(wanted.size()));
      return 2;
    }
    if (start + piece == subject.size()) break;
    start += octets_at_once;
  }
  luaL_pushfail(L);
  return 1;
}

int find_or_match(lua_State* L, bool find) {
  const std::string_view subject = text_argument(L, 1);
  std::string_view pattern = text_argument(L, 2);
  std::size_t start = init_argument(L, 3, subject.size());
  if (start > subject.size()) {
    luaL_pushfail(L);
    return 1;
  }
  const bool literal = pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
  if (find && (lua_toboolean(L, 4) != 0 || literal)) return find_plain(L, subject, pattern, start);

  const bool anchored = take_anchor(pattern);
  PatternMatcher matcher(subject, pattern);
  const bool found = anchored ? match_here(L, matcher, start) : search(L, matcher, subject, start);
  if (!found) {
    luaL_pushfail(L);
    return 1;
  }
  const Matched matched{matcher, subject, start};
  if (!find) return push_captures(L, matched);
  lua_pushinteger(L, static_cast<lua_Integer>(start) + 1);
  lua_pushinteger(L, static_cast<lua_Integer>(matcher.end()));
  return 2 + push_captures(L, matched, true);
}

int string_find(lua_State* L) { return find_or_match(L, true); }
int string_match(lua_State* L) { return find_or_match(L, false); }

/// One step of gmatch. Upvalues: the payee, subject, pattern, where to go on, where the last match
/// ended (-1: there was none).
int next_match(lua_State* L) {
  const std::string_view subject = text_argument(L, lua_upvalueindex(2));
  const std::string_view pattern = text_argument(L, lua_upvalueindex(3));
  auto start = static_cast<std::size_t>(lua_tointeger(L, lua_upvalueindex(4)));
  const auto last = static_cast<std::size_t>(lua_tointeger(L, lua_upvalueindex(5)));
  PatternMatcher matcher(subject, pattern);
  if (!search(L, matcher, subject, start, last)) return 0;
  lua_pushinteger(L, static_cast<lua_Integer>(matcher.end()));
  lua_copy(L, -1, lua_upvalueindex(4));
  lua_replace(L, lua_upvalueindex(5));
  return push_captures(L, {matcher, subject, start});
}

int string_gmatch(lua_State* L) {
  const std::string_view subject = text_argument(L, 1);
  text_argument(L, 2);
  const std::size_t start = init_argument(L, 3, subject.size());
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushinteger(L, static_cast<lua_Integer>(std::min(start, subject.size() + 1)));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, &next_match, 5);
  return 1;
}

/// A replacement text with its %0 to %9 and %%.
void add_text(lua_State* L, luaL_Buffer& buffer, const Matched& matched, std::string_view text) {
  const std::size_t before = luaL_bufflen(&buffer);
  std::uint64_t pieces = 0;
  for (std::size_t percent; (percent = text.find('%')) != std::string_view::npos; ++pieces) {
    luaL_addlstring(&buffer, text.data(), percent);
    const char what = percent + 1 < text.size() ? text[percent + 1] : '\0';
    if (what == '%') {
      luaL_addchar(&buffer, '%');
    } else if (what == '0') {
      luaL_addlstring(&buffer, matched.whole().data(), matched.whole().size());
    } else if (what >= '1' && what <= '9') {
      push_capture(L, matched, what - '1');
      luaL_addvalue(&buffer);
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
    text.remove_prefix(percent + 2);
  }
  luaL_addlstring(&buffer, text.data(), text.size());
  pay(L, pieces + (luaL_bufflen(&buffer) - before) / octets_per_step);
}

/// What the replacement (argument 3, of type `type`) makes of a match.
void add_replacement(lua_State* L, luaL_Buffer& buffer, const Matched& matched, int type) {
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(L, matched), 1);
  } else if (type == LUA_TTABLE) {
    push_capture(L, matched, 0);
    lua_gettable(L, 3);
  } else {
    std::size_t size = 0;
    const char* text = lua_tolstring(L, 3, &size);
    add_text(L, buffer, matched, {text, size});
    return;
  }
  if (lua_toboolean(L, -1) == 0) {
    lua_pop(L, 1);
    luaL_addlstring(&buffer, matched.whole().data(), matched.whole().size());
  } else if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  } else {
    luaL_addvalue(&buffer);
  }
}

int string_gsub(lua_State* L) {
  const std::string_view subject = text_argument(L, 1);
  std::string_view pattern = text_argument(L, 2);
  const int type = lua_type(L, 3);
  luaL_argexpected(
      L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE || type == LUA_TFUNCTION,
      3, "string/function/table");
  const lua_Integer most = luaL_optinteger(L, 4, static_cast<lua_Integer>(subject.size()) + 1);
  const bool anchored = take_anchor(pattern);

  PatternMatcher matcher(subject, pattern);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  std::size_t done = 0;  // what is before it has gone into the buffer
  std::size_t last = SIZE_MAX;
  lua_Integer count = 0;
  while (count < most) {
    std::size_t start = done;
    const bool found =
        anchored ? match_here(L, matcher, start) : search(L, matcher, subject, start, last);
    if (!found) break;
    ++count;
    luaL_addlstring(&buffer, subject.data() + done, start - done);
    add_replacement(L, buffer, {matcher, subject, start}, type);
    done = last = matcher.end();
    if (anchored) break;
  }
  luaL_addlstring(&buffer, subject.data() + done, subject.size() - done);
  luaL_pushresult(&buffer);
  lua_pushinteger(L, count);
  return 2;
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
  // One unit, then twice as much again and again; the last separator is left out.
  const std::size_t size = unit * static_cast<std::size_t>(count) - separator_size;
  pay(L, 1 + size / octets_per_step);
  luaL_Buffer buffer;
  char* out = luaL_buffinitsize(L, &buffer, size + separator_size);
  std::copy_n(text.data(), text.size(), out);
  std::copy_n(separator, separator_size, out + text.size());
  for (std::size_t have = unit; have < size;) {
    const std::size_t more = std::min(have, size - have);
    std::copy_n(out, more, out + have);
    have += more;
  }
  luaL_pushresultsize(&buffer, size);
  return 1;
}

/// utf8.len, which is upvalue 2, paid for.
int utf8_length(lua_State* L) {
  pay(L, 1 + text_argument(L, 1).size() / octets_counted_per_step);
  return lua_tocfunction(L, lua_upvalueindex(2))(L);
}

constexpr luaL_Reg functions[] = {
    {"find", &string_find}, {"match", &string_match}, {"gmatch", &string_gmatch},
    {"gsub", &string_gsub}, {"rep", &string_rep},     {nullptr, nullptr},
};

}  // namespace

void open_string(lua_State* L, Spend* spend) {
  lua_getglobal(L, LUA_STRLIBNAME);
  lua_pushnil(L);
  lua_setfield(L, -2, "dump");
  set_functions(L, functions, spend);
  lua_getglobal(L, LUA_UTF8LIBNAME);
  lua_pushlightuserdata(L, reinterpret_cast<void*>(spend));
  lua_getfield(L, -2, "len");
  lua_pushcclosure(L, &utf8_length, 2);
  lua_setfield(L, -2, "len");
  lua_pop(L, 1);
}

}  // namespace postern::script
