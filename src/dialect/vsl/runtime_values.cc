// Arrays, maps, properties and loops: functions that compiled lines call.
#include <algorithm>

#include "dialect/vsl/code_points.h"
#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace {

using script::stack::push;

template <void (*make)(lua_State*, int)>
int new_collection(lua_State* L) {
  const lua_Integer count = lua_tointeger(L, 1);
  if (static_cast<std::size_t>(count) > machine_of(L).limits->array) {
    script::State::exhaust(L, array_too_long);
  }
  make(L, static_cast<int>(count));
  return 1;
}

/// Marks a table from a host function, and the tables in it, as arrays and maps.
void adopt_table(lua_State* L, int depth) {
  luaL_checkstack(L, 6, "nested values");
  if (depth > 32 || lua_getmetatable(L, -1) != 0) {
    if (depth <= 32) lua_pop(L, 1);
    return;
  }
  bool is_map = false;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING) is_map = true;
    if (lua_istable(L, -1)) adopt_table(L, depth + 1);
    lua_pop(L, 1);
  }
  is_map ? mark_map(L) : mark_array(L);
}

int adopt(lua_State* L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    push_unit(L);
  } else if (lua_istable(L, 1)) {
    adopt_table(L, 0);
  }
  return 1;
}

int no_element(lua_State* L, lua_Integer index, std::size_t count) {
  return raise(L, "index %I is out of bounds: there are %I elements", index,
               static_cast<lua_Integer>(count));
}

/// The position of an element, from 1; 0: there is none. A negative index counts from the end.
std::size_t element(lua_Integer index, std::size_t count) {
  const auto size = static_cast<lua_Integer>(count);
  if (index < -size || index >= size) return 0;
  return static_cast<std::size_t>(index < 0 ? index + size : index) + 1;
}

int index_text(lua_State* L) {
  Work work(L);
  const std::string_view text = script::stack::text_at(L, 1);
  work.step(text.size() / 8);
  const auto count = static_cast<std::size_t>(characters(text));
  const lua_Integer index = lua_tointeger(L, 2);
  std::size_t wanted = element(index, count);
  if (wanted == 0) {
    throw std::runtime_error("index " + std::to_string(index) + " is out of bounds: there are " +
                             std::to_string(count) + " characters");
  }
  std::size_t at = 0;
  while (--wanted > 0) at += octets_at(text, at);
  push(L, text.substr(at, octets_at(text, at)));
  return 1;
}

/// make_key() replaces the value at `index` by its text, since keys of maps are texts.
int key_to_text(lua_State* L) {
  Work work(L);
  push(L, std::string_view(text_at(L, lua_gettop(L), work)));
  return 1;
}
void make_key(lua_State* L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) return;
  lua_pushcfunction(L, bounded<key_to_text>);
  lua_pushvalue(L, index);
  lua_call(L, 1, 1);
  lua_replace(L, index);
}

int index(lua_State* L) {
  lua_settop(L, 2);
  const Shape shape = shape_at(L, 1);
  if (shape == Shape::map) {
    make_key(L, 2);
    if (lua_rawget(L, 1) == LUA_TNIL) push_unit(L);
    return 1;
  }
  if (lua_isinteger(L, 2) != 0 && shape == Shape::array) {
    const std::size_t count = lua_rawlen(L, 1);
    const std::size_t wanted = element(lua_tointeger(L, 2), count);
    if (wanted == 0) return no_element(L, lua_tointeger(L, 2), count);
    lua_rawgeti(L, 1, static_cast<lua_Integer>(wanted));
    return 1;
  }
  if (lua_isinteger(L, 2) != 0 && shape == Shape::text) return bounded<index_text>(L);
  return raise(L, "%s cannot be indexed by %s", type_name(L, 1).data(), type_name(L, 2).data());
}

constexpr char counts_key = 0;

/// The number of entries of the map at `index`. It is stored, because each new entry is checked
/// against the limit.
lua_Integer entries_of(lua_State* L, int index) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &counts_key) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &counts_key);
  }
  lua_pushvalue(L, index);
  lua_Integer count = 0;
  if (lua_rawget(L, -2) == LUA_TNUMBER) {
    count = lua_tointeger(L, -1);
    lua_pop(L, 2);
    return count;
  }
  lua_pop(L, 2);
  lua_pushnil(L);
  for (; lua_next(L, index) != 0; ++count) lua_pop(L, 1);
  script::State::spend(L, static_cast<std::uint64_t>(count));
  return count;
}

void keep_entries(lua_State* L, int index, lua_Integer count) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &counts_key);
  lua_pushvalue(L, index);
  lua_pushinteger(L, count);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void check_changeable(lua_State* L, int index) {
  if (is_loaded(L, index) && !is_loading(L)) {
    raise(L, "this %s belongs to the loaded policy and cannot be changed",
          type_name(L, index).data());
  }
}

/// set(owner, key, value)
int set_element(lua_State* L) {
  lua_settop(L, 3);
  const Shape shape = shape_at(L, 1);
  if (shape == Shape::map) {
    check_changeable(L, 1);
    make_key(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 1) == LUA_TNIL) {
      const lua_Integer count = entries_of(L, 1) + 1;
      if (static_cast<std::size_t>(count) > machine_of(L).limits->array) {
        script::State::exhaust(L, array_too_long);
      }
      keep_entries(L, 1, count);
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
  }
  if (shape == Shape::array && lua_isinteger(L, 2) != 0) {
    check_changeable(L, 1);
    const std::size_t count = lua_rawlen(L, 1);
    const std::size_t wanted = element(lua_tointeger(L, 2), count);
    if (wanted == 0) return no_element(L, lua_tointeger(L, 2), count);
    lua_rawseti(L, 1, static_cast<lua_Integer>(wanted));
    return 0;
  }
  return raise(L, "nothing can be set in %s by %s", type_name(L, 1).data(), type_name(L, 2).data());
}

/// The local parts or domains of an array of addresses, as objects.
bool push_parts(lua_State* L, bool domains) {
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
  push_array(L, static_cast<int>(count));
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(L, 1, i);
    const int top = lua_gettop(L);
    if (shape_at(L, top) != Shape::object || object_at(L, top).type() != Object::Type::address) {
      return false;
    }
    const std::string text(part_of(object_at(L, top), domains));
    lua_pop(L, 1);
    const auto made = Object::make(domains ? Object::Type::fqdn : Object::Type::identifier, text);
    if (made) {
      script::stack::give(L, *made);
    } else {
      push(L, std::string_view(text));
    }
    lua_rawseti(L, -2, i);
  }
  return true;
}

int property_of(lua_State* L) {
  const std::string_view name = script::stack::text_at(L, 2);
  const Shape shape = shape_at(L, 1);
  Work work(L);
  if (shape == Shape::object && object_at(L, 1).type() == Object::Type::address &&
      (name == "local_part" || name == "domain")) {
    push(L, part_of(object_at(L, 1), name == "domain"));
    return 1;
  }
  if (shape == Shape::array && (name == "local_parts" || name == "domains")) {
    work.step(lua_rawlen(L, 1) * 8);
    if (push_parts(L, name == "domains")) return 1;
  }
  if (shape == Shape::array && name == "len") {
    push(L, static_cast<std::int64_t>(lua_rawlen(L, 1)));
    return 1;
  }
  if (shape == Shape::text && name == "len") {
    const std::string_view text = script::stack::text_at(L, 1);
    work.step(text.size() / 8);
    push(L, characters(text));
    return 1;
  }
  throw std::runtime_error(std::string(type_name(L, 1)) + " has no property `" + std::string(name) +
                           "`");
}

int property(lua_State* L) {
  lua_settop(L, 2);
  const Shape shape = shape_at(L, 1);
  if (shape == Shape::map) {
    if (lua_rawget(L, 1) == LUA_TNIL) push_unit(L);
    return 1;
  }
  if (shape == Shape::foreign && luaL_getmetafield(L, 1, "__index") != LUA_TNIL) {
    lua_pushvalue(L, 2);
    if (lua_gettable(L, 1) != LUA_TNIL) return 1;
    lua_settop(L, 2);
  }
  return bounded<property_of>(L);
}

int value_text(lua_State* L) {
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_settop(L, 1);
    return 1;
  }
  return bounded<[](lua_State* inner) {
    Work work(inner);
    push(inner, std::string_view(text_at(inner, 1, work)));
    return 1;
  }>(L);
}

/// join(parts): joins texts.
int join_parts(lua_State* L) {
  Work work(L);
  std::string all;
  const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(L, 1, i);
    all += script::stack::text_at(L, lua_gettop(L));
    lua_pop(L, 1);
    if (all.size() > machine_of(L).limits->string) throw Exhausted{string_too_long};
  }
  work.octets(all.size());
  push(L, std::string_view(all));
  return 1;
}

void push_member(lua_State* L, const ObjectPtr& member) {
  if (member->type() == Object::Type::string) {
    push(L, std::string_view(member->text()));
  } else {
    script::stack::give(L, member);
  }
}

/// Copies the elements into a new table; returns it and their number.
int list_of_values(lua_State* L) {
  Work work(L);
  switch (shape_at(L, 1)) {
    case Shape::array: {
      const auto count = static_cast<lua_Integer>(lua_rawlen(L, 1));
      work.step(static_cast<std::uint64_t>(count));
      lua_createtable(L, static_cast<int>(count), 0);
      for (lua_Integer i = 1; i <= count; ++i) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, -2, i);
      }
      push(L, std::int64_t{count});
      return 2;
    }
    case Shape::text: {
      const std::string_view all = script::stack::text_at(L, 1);
      if (all.size() > machine_of(L).limits->string) throw Exhausted{string_too_long};
      work.step(all.size());
      lua_newtable(L);
      lua_Integer count = 0;
      for (std::size_t at = 0; at < all.size(); at += octets_at(all, at)) {
        push(L, all.substr(at, octets_at(all, at)));
        lua_rawseti(L, -2, ++count);
      }
      push(L, std::int64_t{count});
      return 2;
    }
    case Shape::object:
      if (object_at(L, 1).type() == Object::Type::group ||
          object_at(L, 1).type() == Object::Type::file) {
        const auto& members = object_at(L, 1).members();
        work.step(members.size() * 4);
        lua_createtable(L, static_cast<int>(members.size()), 0);
        lua_Integer count = 0;
        for (const ObjectPtr& one : members) {
          push_member(L, one);
          lua_rawseti(L, -2, ++count);
        }
        push(L, std::int64_t{count});
        return 2;
      }
      break;
    default:
      break;
  }
  throw std::runtime_error(
      "`for` needs an array, a range, a string or a list of objects, this is " +
      std::string(type_name(L, 1)));
}

/// iterate(value): the elements and their number; for a range: false, its length and its first.
int iterate(lua_State* L) {
  lua_settop(L, 1);
  if (shape_at(L, 1) != Shape::range) return bounded<list_of_values>(L);
  const Range range = range_at(L, 1);
  lua_pushboolean(L, 0);
  lua_pushinteger(L, range.count);
  lua_pushinteger(L, range.from);
  return 3;
}

int changeable(lua_State* L) {
  check_changeable(L, 1);
  return 0;
}

template <Shape shape>
int is_shape(lua_State* L) {
  lua_pushboolean(L, shape_at(L, 1) == shape ? 1 : 0);
  return 1;
}

int unit(lua_State* L) {
  push_unit(L);
  return 1;
}
int none(lua_State* L) {
  push_none(L);
  return 1;
}

constexpr script::HostFunction runtime_value_rows[] = {
    {"vsl_machine.unit_value", "", "any", "`()`", unit},
    {"vsl_machine.none_value", "", "any", "No value of a script.", none},
    {"vsl_machine.array", "count: integer", "table", "A new array.", new_collection<push_array>},
    {"vsl_machine.map", "count: integer", "table", "A new map.", new_collection<push_map>},
    {"vsl_machine.adopt", "value: any", "any", "What a host function gave.", adopt},
    {"vsl_machine.index", "owner: any, key: any", "any", "`owner[key]`", index},
    {"vsl_machine.property", "owner: any, name: string", "any", "`owner.name`", property},
    {"vsl_machine.set", "owner: any, key: any, value: any", "", "`owner[key] = value`",
     set_element},
    {"vsl_machine.text", "value: any", "string", "`${value}`", value_text},
    {"vsl_machine.join", "parts: string[]", "string", "A text of parts.", bounded<join_parts>},
    {"vsl_machine.iterate", "value: any", "table|false, integer, integer", "For `for`.", iterate},
    {"vsl_machine.changeable", "value: any", "", "An error of what cannot be changed.", changeable},
    {"vsl_machine.foreign", "value: any", "boolean", "A service.", is_shape<Shape::foreign>},
    {"vsl_machine.is_array", "value: any", "boolean", "An array.", is_shape<Shape::array>},
    {"vsl_machine.is_map", "value: any", "boolean", "A map.", is_shape<Shape::map>},
};

}  // namespace

script::HostTable value_functions() { return runtime_value_rows; }

}  // namespace postern::dialect::vsl
