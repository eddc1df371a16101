// Methods of arrays and maps. Those that call functions of the script are in Lua (runtime_text.cc).
#include <algorithm>

#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace {

using script::stack::push;

bool may_change(lua_State* L) { return !is_loaded(L, 1) || is_loading(L); }
int unchangeable(lua_State* L) {
  return raise(L, "this array belongs to the loaded policy and cannot be changed");
}

int push_element(lua_State* L) {
  lua_settop(L, 2);
  if (shape_at(L, 1) != Shape::array) return not_here(L);
  if (!may_change(L)) return unchangeable(L);
  const std::size_t count = lua_rawlen(L, 1);
  if (count >= machine_of(L).limits->array) script::State::exhaust(L, array_too_long);
  lua_rawseti(L, 1, static_cast<lua_Integer>(count) + 1);
  push_unit(L);
  return 1;
}

/// Removes and returns the last element; `()` if there is none.
int pop_element(lua_State* L) {
  lua_settop(L, 1);
  if (shape_at(L, 1) != Shape::array) return not_here(L);
  if (!may_change(L)) return unchangeable(L);
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
  if (count == 0) {
    push_unit(L);
    return 1;
  }
  lua_rawgeti(L, 1, count);
  lua_pushnil(L);
  lua_rawseti(L, 1, count);
  return 1;
}

/// truncate(count): keeps the first `count` elements; a negative count removes that many.
int truncate(lua_State* L) {
  lua_settop(L, 2);
  if (shape_at(L, 1) != Shape::array) return not_here(L);
  if (!may_change(L)) return unchangeable(L);
  if (lua_isinteger(L, 2) == 0) {
    return raise(L, "`truncate` needs a number, this is %s", type_name(L, 2).data());
  }
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
  lua_Integer left = lua_tointeger(L, 2);
  if (left < 0) left = std::max<lua_Integer>(0, count + std::max(left, -count));
  for (lua_Integer i = count; i > left; --i) {
    lua_pushnil(L);
    lua_rawseti(L, 1, i);
  }
  script::State::spend(L, static_cast<std::uint64_t>(std::max<lua_Integer>(0, count - left)));
  push_unit(L);
  return 1;
}

/// sort_plain(array): sorts numbers or texts.
int sort_plain(lua_State* L) {
  Work work(L);
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
  std::vector<std::pair<std::string_view, lua_Integer>> texts;
  std::vector<std::pair<double, lua_Integer>> numbers;
  lua_createtable(L, static_cast<int>(count), 0);
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(L, 1, i);
    const int top = lua_gettop(L);
    if (lua_type(L, top) == LUA_TSTRING) {
      texts.emplace_back(script::stack::text_at(L, top), i);
    } else if (lua_type(L, top) == LUA_TNUMBER) {
      numbers.emplace_back(lua_tonumber(L, top), i);
    } else {
      throw std::runtime_error("`sort` needs numbers or strings, or a function that compares");
    }
    lua_rawseti(L, 2, i);
  }
  if (!texts.empty() && !numbers.empty()) {
    throw std::runtime_error("`sort` needs numbers or strings, not both");
  }
  work.step(static_cast<std::uint64_t>(count) * 16);
  std::ranges::stable_sort(texts, {}, [](const auto& entry) { return entry.first; });
  // Compares the Lua values: a double cannot hold all integers beyond 53 bits.
  std::ranges::stable_sort(numbers, [&](const auto& a, const auto& b) {
    lua_rawgeti(L, 2, a.second);
    lua_rawgeti(L, 2, b.second);
    const bool before = lua_compare(L, -2, -1, LUA_OPLT) != 0;
    lua_pop(L, 2);
    return before;
  });
  lua_Integer at = 0;
  const auto put = [&](lua_Integer from) {
    lua_rawgeti(L, 2, from);
    lua_rawseti(L, 1, ++at);
  };
  for (const auto& entry : texts) put(entry.second);
  for (const auto& entry : numbers) put(entry.second);
  return 0;
}

/// The sorted keys of a map, or its values in the order of the keys.
template <bool keys>
int entries(lua_State* L) {
  lua_settop(L, 1);
  if (shape_at(L, 1) != Shape::map) return not_here(L);
  Work work(L);
  std::vector<std::string> names;
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    names.emplace_back(script::stack::text_at(L, lua_gettop(L) - 1));
    work.step(4 + names.back().size() / 64);
    lua_pop(L, 1);
  }
  std::ranges::sort(names);
  push_array(L, static_cast<int>(names.size()));
  lua_Integer count = 0;
  for (const std::string& name : names) {
    push(L, std::string_view(name));
    if (!keys) lua_rawget(L, 1);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

constexpr script::HostFunction runtime_array_rows[] = {
    {"vsl_method.push", "array: any, value: any", "any", "Puts it at the end.", push_element},
    {"vsl_method.pop", "array: any", "any", "Takes the last one off.", pop_element},
    {"vsl_method.truncate", "array: any, count: integer", "any", "Leaves so many.", truncate},
    {"vsl_method.keys", "map: any", "string[]", "In their order.", bounded<entries<true>>},
    {"vsl_method.values", "map: any", "any[]", "In the order of the keys.",
     bounded<entries<false>>},
    {"vsl_machine.sort_plain", "array: any", "", "Numbers or texts.", bounded<sort_plain>},
};

}  // namespace

script::HostTable array_functions() { return runtime_array_rows; }

}  // namespace postern::dialect::vsl
