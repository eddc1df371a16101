// C functions for Lua: an error jumps over the C++ stack, so no value here has a destructor. Error
// texts about arguments are Lua's own.
#include "script/lua_search.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "script/long_text.h"
#include "script/lua_pattern.h"

namespace postern::script {
namespace {

/// Steps of matching after which a function pays.
constexpr std::uint64_t steps_at_once = 10'000;

/// The argument `init` as an offset; negative values count from the end. May exceed `size`.
std::size_t init_argument(lua_State* L, int index, std::size_t size) {
  const lua_Integer init = luaL_optinteger(L, index, 1);
  if (init > 0) return static_cast<std::size_t>(init) - 1;
  const auto back = std::size_t{0} - static_cast<std::size_t>(init);
  return init == 0 || back > size ? 0 : size - back;
}

/// Searches for the first match that begins at `start` or later and does not end at `not_ending`.
/// `start` becomes its begin.
struct Search {
  PatternMatcher matcher;
  std::string_view subject;
  bool anchored;
  std::size_t start;
  std::size_t not_ending = SIZE_MAX;
  bool begun = false;  ///< an attempt at `start` is running
  bool tired = false;  ///< it should yield
};
static_assert(std::is_trivially_copyable_v<Search>);

enum class Found : std::uint8_t { yes, no, later };

/// Found::later: the caller should yield, then call again.
Found seek(lua_State* L, Search& search) {
  using Outcome = PatternMatcher::Outcome;
  std::uint64_t owed = 1;
  for (;;) {
    if (!search.begun) search.matcher.begin_at(search.start);
    const Outcome outcome = search.matcher.go_on();
    search.begun = outcome == Outcome::unfinished;
    owed += search.matcher.take_steps();
    if (outcome == Outcome::error) {
      pay(L, owed);
      luaL_error(L, "%s", search.matcher.error());
    }
    if (!search.begun) {
      const bool found = outcome == Outcome::match && search.matcher.end() != search.not_ending;
      if (found || search.anchored || search.start == search.subject.size()) {
        search.tired = pay(L, owed);
        return found ? Found::yes : Found::no;
      }
      ++search.start;
    }
    if (owed < steps_at_once) continue;
    if (pay(L, owed)) return Found::later;
    owed = 0;
  }
}

/// Keeps the search at `slot` of the stack while others run; `k` continues with search_at().
int pause(lua_State* L, const Search& search, int slot, lua_KFunction k) {
  if (lua_gettop(L) < slot || lua_type(L, slot) != LUA_TUSERDATA) {
    lua_settop(L, slot - 1);
    lua_newuserdatauv(L, sizeof(Search), 0);
  }
  std::memcpy(lua_touserdata(L, slot), &search, sizeof(Search));
  return give_way(L, 0, k);
}
Search& search_at(lua_State* L, int slot) { return *static_cast<Search*>(lua_touserdata(L, slot)); }

/// A match and its subject.
struct Matched {
  const PatternMatcher& matcher;
  std::string_view subject;
  std::size_t start;

  std::string_view whole() const { return subject.substr(start, matcher.end() - start); }
};

/// A capture; if the pattern has none, index 0 is the whole match.
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

/// All captures; if there are none the whole match, unless `captures_only`.
int push_captures(lua_State* L, const Matched& matched, bool captures_only = false) {
  const int count =
      matched.matcher.captures() == 0 && !captures_only ? 1 : matched.matcher.captures();
  luaL_checkstack(L, count, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(L, matched, i);
  return count;
}

/// Removes a leading anchor.
bool take_anchor(std::string_view& pattern) {
  if (!pattern.starts_with('^')) return false;
  pattern.remove_prefix(1);
  return true;
}

/// Continues at `start`. It searches in pieces and pays for each; pieces overlap by the size of the
/// wanted text less one octet.
int find_plain(lua_State* L, int, lua_KContext from) {
  const std::string_view subject = text_argument(L, 1);
  const std::string_view wanted = text_argument(L, 2);
  for (auto start = static_cast<std::size_t>(from);; start += octets_at_once) {
    const std::size_t piece = std::min(subject.size() - start, octets_at_once + wanted.size());
    // memmem is linear; std::string_view::find can take the product of both sizes.
    const void* found = memmem(subject.data() + start, piece, wanted.data(), wanted.size());
    const auto at = found == nullptr ? static_cast<lua_Integer>(start + piece)
                                     : static_cast<const char*>(found) - subject.data();
    const bool tired = pay(L, 1 + (static_cast<std::size_t>(at) - start) / octets_per_step);
    if (found != nullptr) {
      lua_pushinteger(L, at + 1);
      lua_pushinteger(L, at + static_cast<lua_Integer>(wanted.size()));
      return 2;
    }
    if (start + piece == subject.size()) break;
    if (tired) return give_way(L, static_cast<lua_KContext>(start + octets_at_once), find_plain);
  }
  luaL_pushfail(L);
  return 1;
}

template <bool find>
int go_on_looking(lua_State* L, int, lua_KContext);

/// The results of find or match after the search.
template <bool find>
int look(lua_State* L, Search& search) {
  switch (seek(L, search)) {
    case Found::later:
      return pause(L, search, 5, go_on_looking<find>);
    case Found::no:
      luaL_pushfail(L);
      return 1;
    case Found::yes:
      break;
  }
  const Matched matched{search.matcher, search.subject, search.start};
  if (!find) return push_captures(L, matched);
  lua_pushinteger(L, static_cast<lua_Integer>(search.start) + 1);
  lua_pushinteger(L, static_cast<lua_Integer>(search.matcher.end()));
  return 2 + push_captures(L, matched, true);
}

template <bool find>
int go_on_looking(lua_State* L, int, lua_KContext) {
  return look<find>(L, search_at(L, 5));
}

template <bool find>
int find_or_match(lua_State* L) {
  const std::string_view subject = text_argument(L, 1);
  std::string_view pattern = text_argument(L, 2);
  const std::size_t start = init_argument(L, 3, subject.size());
  if (start > subject.size()) {
    luaL_pushfail(L);
    return 1;
  }
  lua_settop(L, 4);
  const bool literal = pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
  if (find && (lua_toboolean(L, 4) != 0 || literal)) {
    return find_plain(L, LUA_OK, static_cast<lua_KContext>(start));
  }
  const bool anchored = take_anchor(pattern);
  Search search{PatternMatcher(subject, pattern), subject, anchored, start};
  return look<find>(L, search);
}

int go_on_to_next(lua_State* L, int, lua_KContext);

int next_found(lua_State* L, Search& search) {
  switch (seek(L, search)) {
    case Found::later:
      return pause(L, search, 1, go_on_to_next);
    case Found::no:
      return 0;
    case Found::yes:
      break;
  }
  lua_pushinteger(L, static_cast<lua_Integer>(search.matcher.end()));
  lua_copy(L, -1, lua_upvalueindex(4));
  lua_replace(L, lua_upvalueindex(5));
  return push_captures(L, {search.matcher, search.subject, search.start});
}

int go_on_to_next(lua_State* L, int, lua_KContext) { return next_found(L, search_at(L, 1)); }

/// One step of gmatch. Upvalues: the Spending, subject, pattern, start of the next search, end of
/// the last match (-1: none).
int next_match(lua_State* L) {
  const std::string_view subject = text_argument(L, lua_upvalueindex(2));
  const std::string_view pattern = text_argument(L, lua_upvalueindex(3));
  const auto start = static_cast<std::size_t>(lua_tointeger(L, lua_upvalueindex(4)));
  const auto last = static_cast<std::size_t>(lua_tointeger(L, lua_upvalueindex(5)));
  lua_settop(L, 0);
  if (start > subject.size()) return 0;
  Search search{PatternMatcher(subject, pattern), subject, false, start, last};
  return next_found(L, search);
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

/// The progress of gsub. Its stack: subject, pattern, replacement, limit, the new text, and the
/// search while others run.
struct Substituted {
  std::size_t done;   ///< the subject before it is in the new text
  std::size_t last;   ///< end of the last match; SIZE_MAX: none
  std::size_t start;  ///< of the match whose replacement is pending
  lua_Integer count;
};
using Substitution = LongText<Substituted>;
constexpr int gsub_text_slot = 5;
constexpr int slot_of_search = 6;

/// A replacement text with its %0 to %9 and %%.
void add_text(lua_State* L, Substitution& made, const Matched& matched, std::string_view text) {
  const std::size_t before = made.size();
  std::uint64_t pieces = 0;
  for (std::size_t percent; (percent = text.find('%')) != std::string_view::npos; ++pieces) {
    made.add(text.substr(0, percent));
    const char what = percent + 1 < text.size() ? text[percent + 1] : '\0';
    if (what == '%') {
      made.add("%");
    } else if (what == '0') {
      made.add(matched.whole());
    } else if (what >= '1' && what <= '9') {
      push_capture(L, matched, what - '1');
      made.add_top();
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
    text.remove_prefix(percent + 2);
  }
  made.add(text);
  pay(L, pieces + (made.size() - before) / octets_per_step);
}

/// Appends the value on top of the stack, the replacement of `whole` by a function or table.
void add_value(lua_State* L, Substitution& made, std::string_view whole) {
  if (lua_toboolean(L, -1) == 0) {
    lua_pop(L, 1);
    made.add(whole);
  } else if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  } else {
    made.add_top();
  }
}

int substitute(lua_State* L, Search* paused);
int go_on_substituting(lua_State* L, int, lua_KContext) {
  return substitute(L, &search_at(L, slot_of_search));
}
/// Continues after the function has returned the replacement.
int continue_gsub(lua_State* L, int, lua_KContext) {
  Substitution made(L, gsub_text_slot);
  const Substituted& now = made.progress();
  const std::string_view subject = text_argument(L, 1);
  add_value(L, made, subject.substr(now.start, now.last - now.start));
  return substitute(L, nullptr);
}

int finish_substitution(lua_State* L, Substitution& made, std::string_view subject) {
  const lua_Integer count = made.progress().count;
  made.add(subject.substr(made.progress().done));
  made.push();
  lua_pushinteger(L, count);
  return 2;
}

/// Continues from the progress of the new text, or from the paused search.
int substitute(lua_State* L, Search* paused) {
  Substitution made(L, gsub_text_slot);
  const std::string_view subject = text_argument(L, 1);
  std::string_view pattern = text_argument(L, 2);
  const int type = lua_type(L, 3);
  const lua_Integer most = luaL_optinteger(L, 4, static_cast<lua_Integer>(subject.size()) + 1);
  const bool anchored = take_anchor(pattern);
  Search search{PatternMatcher(subject, pattern), subject, anchored, 0};
  if (paused != nullptr) search = *paused;
  while (made.progress().count < most && !(anchored && made.progress().count > 0)) {
    if (!search.begun && paused == nullptr) {
      search.start = made.progress().done;
      search.not_ending = made.progress().last;
    }
    paused = nullptr;
    const Found found = seek(L, search);
    if (found == Found::later) return pause(L, search, slot_of_search, go_on_substituting);
    if (found == Found::no) break;
    Substituted& now = made.progress();
    const std::size_t begin = now.done;
    now.start = search.start;
    now.done = now.last = search.matcher.end();
    ++now.count;
    made.add(subject.substr(begin, search.start - begin));
    const Matched matched{search.matcher, subject, search.start};
    if (type == LUA_TFUNCTION) {
      lua_pushvalue(L, 3);
      lua_callk(L, push_captures(L, matched), 1, 0, continue_gsub);
      add_value(L, made, matched.whole());
    } else if (type == LUA_TTABLE) {
      push_capture(L, matched, 0);
      lua_gettable(L, 3);
      add_value(L, made, matched.whole());
    } else {
      std::size_t size = 0;
      const char* text = lua_tolstring(L, 3, &size);
      add_text(L, made, matched, {text, size});
    }
    if (search.tired) {
      return give_way(L, 0, [](lua_State* M, int, lua_KContext) { return substitute(M, nullptr); });
    }
  }
  return finish_substitution(L, made, subject);
}

int string_gsub(lua_State* L) {
  const std::string_view subject = text_argument(L, 1);
  text_argument(L, 2);
  const int type = lua_type(L, 3);
  luaL_argexpected(
      L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE || type == LUA_TFUNCTION,
      3, "string/function/table");
  luaL_optinteger(L, 4, 0);
  lua_settop(L, 4);
  Substitution::begin(L, gsub_text_slot, {.done = 0, .last = SIZE_MAX, .start = 0, .count = 0},
                      std::min<std::size_t>(subject.size(), 4096));
  return substitute(L, nullptr);
}

}  // namespace

void set_search_functions(lua_State* L, const Spending* spending) {
  static constexpr luaL_Reg functions[] = {
      {"find", &find_or_match<true>},
      {"match", &find_or_match<false>},
      {"gmatch", &string_gmatch},
      {"gsub", &string_gsub},
      {nullptr, nullptr},
  };
  set_functions(L, functions, spending);
}

}  // namespace postern::script
