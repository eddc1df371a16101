// Lua patterns: matches and captures lie inside the subject, the work is bounded, and results of
// little work equal those of Lua's own string.find.
#include <lua.hpp>
#include <string>

#include "invariant.h"
#include "script/lua_pattern.h"

namespace {

using postern::fuzz::must;
using postern::script::PatternMatcher;

constexpr std::uint64_t quick = 20'000;  // steps; beyond it Lua's own matcher may take too long

lua_State* lua() {
  static lua_State* state = [] {
    lua_State* made = luaL_newstate();
    luaL_openlibs(made);
    return made;
  }();
  return state;
}

void check_captures(const PatternMatcher& matcher, std::size_t start, std::size_t size) {
  must(start <= matcher.end() && matcher.end() <= size, "a match lies inside");
  for (int i = 0; i < matcher.captures(); ++i) {
    const PatternMatcher::Capture& capture = matcher.capture(i);
    must(start <= capture.begin && capture.begin <= matcher.end(), "a capture begins inside");
    if (capture.is_position() || capture.is_open()) continue;
    must(capture.begin + capture.length <= matcher.end(), "a capture ends inside");
  }
}

void check_against_lua(std::string_view subject, std::string_view pattern,
                       PatternMatcher::Outcome outcome, std::size_t start, std::size_t end) {
  lua_State* L = lua();
  lua_getglobal(L, "string");
  lua_getfield(L, -1, "find");
  lua_pushlstring(L, subject.data(), subject.size());
  lua_pushlstring(L, pattern.data(), pattern.size());
  const int status = lua_pcall(L, 2, LUA_MULTRET, 0);
  // Lua may reach its limit of nested calls where the matcher does not reach its limit of choices.
  const bool deep =
      status != LUA_OK && std::string_view(lua_tostring(L, -1)) == "pattern too complex";
  if (status != LUA_OK) {
    const bool open = std::string_view(lua_tostring(L, -1)) == "unfinished capture";
    must(deep || open || outcome == PatternMatcher::Outcome::error, "Lua finds a mistake");
  } else if (lua_isnil(L, 2)) {
    must(outcome == PatternMatcher::Outcome::no_match, "Lua finds nothing");
  } else {
    must(outcome == PatternMatcher::Outcome::match, "Lua finds a match");
    must(lua_tointeger(L, 2) == static_cast<lua_Integer>(start) + 1, "it begins there");
    must(lua_tointeger(L, 3) == static_cast<lua_Integer>(end), "it ends there");
  }
  lua_settop(L, 0);
}

}  // namespace

/// The first line is the pattern, the rest the subject.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view whole = text.substr(0, line);
  const std::string_view subject = text.substr(line + 1);
  const bool anchored = whole.starts_with('^');
  const std::string_view pattern = whole.substr(anchored ? 1 : 0);

  PatternMatcher matcher(subject, pattern);
  std::uint64_t steps = 0;
  std::size_t start = 0;
  PatternMatcher::Outcome outcome = PatternMatcher::Outcome::no_match;
  for (; start <= subject.size() && steps < quick; ++start) {
    outcome = matcher.match_at(start);
    const std::uint64_t taken = matcher.take_steps();
    must(taken <= PatternMatcher::max_steps + size + 1000, "the work is bounded");
    steps += taken;
    if (outcome == PatternMatcher::Outcome::match) check_captures(matcher, start, subject.size());
    if (outcome != PatternMatcher::Outcome::no_match || anchored) break;
  }
  // string.find reads a pattern without any of these as plain text.
  const bool plain = whole.find_first_of("^$*+?.([%-") == std::string_view::npos;
  if (steps < quick && !plain) check_against_lua(subject, whole, outcome, start, matcher.end());
  return 0;
}
