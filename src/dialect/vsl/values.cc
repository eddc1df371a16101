#include "dialect/vsl/values.h"

#include <array>
#include <cstdarg>

#include "dialect/vsl/machine.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace {

using script::ClassName;

constexpr char unit_key = 0;
constexpr char none_key = 0;
constexpr char loading_key = 0;
enum TableKind { array_table = 1, map_table = 2, range_table = 3 };
/// Keys of metatables in the registry, by kind: for values made later, and for the loaded policy's.
constexpr char metatable_keys[4][2] = {};

/// Sets the metatable of the table on top of the stack.
void mark(lua_State* L, TableKind kind) {
  const bool loaded = is_loading(L);
  const void* key = &metatable_keys[kind][loaded ? 1 : 0];
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_createtable(L, 2, 1);
    lua_pushinteger(L, kind);
    lua_rawseti(L, -2, 1);
    lua_pushboolean(L, loaded ? 1 : 0);
    lua_rawseti(L, -2, 2);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
  }
  lua_setmetatable(L, -2);
}

/// The kind of a table; 0: it belongs to the runtime.
lua_Integer kind_of_table(lua_State* L, int index) {
  if (lua_getmetatable(L, index) == 0) return 0;
  lua_rawgeti(L, -1, 1);
  const lua_Integer kind = lua_tointeger(L, -1);
  lua_pop(L, 2);
  return kind;
}

void* object_place(lua_State* L, int index) {
  return luaL_testudata(L, index, ClassName<Object>::value.data());
}

void* status_place(lua_State* L, int index) {
  return luaL_testudata(L, index, ClassName<Status>::value.data());
}

}  // namespace

Shape shape_at(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TLIGHTUSERDATA:
      return lua_touserdata(L, index) == &unit_key ? Shape::unit : Shape::none;
    case LUA_TBOOLEAN:
      return Shape::boolean;
    case LUA_TNUMBER:
      return lua_isinteger(L, index) != 0 ? Shape::integer : Shape::real;
    case LUA_TSTRING:
      return Shape::text;
    case LUA_TFUNCTION:
      return Shape::function;
    case LUA_TUSERDATA:
      if (object_place(L, index) != nullptr) return Shape::object;
      return status_place(L, index) != nullptr ? Shape::status : Shape::foreign;
    case LUA_TTABLE:
      switch (kind_of_table(L, index)) {
        case array_table:
          return Shape::array;
        case map_table:
          return Shape::map;
        case range_table:
          return Shape::range;
        default:
          return Shape::none;
      }
    default:
      return Shape::none;
  }
}

void push_none(lua_State* L) { lua_pushlightuserdata(L, const_cast<char*>(&none_key)); }

void push_unit(lua_State* L) { lua_pushlightuserdata(L, const_cast<char*>(&unit_key)); }

void mark_array(lua_State* L) { mark(L, array_table); }

void mark_map(lua_State* L) { mark(L, map_table); }

void push_array(lua_State* L, int capacity) {
  lua_createtable(L, capacity, 0);
  mark(L, array_table);
}

void push_map(lua_State* L, int capacity) {
  lua_createtable(L, 0, capacity);
  mark(L, map_table);
}

void push_range(lua_State* L, std::int64_t from, std::int64_t count) {
  lua_createtable(L, 2, 0);
  lua_pushinteger(L, from);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, count);
  lua_rawseti(L, -2, 2);
  mark(L, range_table);
}

Range range_at(lua_State* L, int index) {
  lua_rawgeti(L, index, 1);
  lua_rawgeti(L, lua_absindex(L, index), 2);
  const Range range{lua_tointeger(L, -2), lua_tointeger(L, -1)};
  lua_pop(L, 2);
  return range;
}

void set_loading(lua_State* L, bool loading) {
  lua_pushboolean(L, loading ? 1 : 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &loading_key);
}

bool is_loading(lua_State* L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &loading_key);
  const bool loading = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return loading;
}

bool is_loaded(lua_State* L, int index) {
  if (lua_getmetatable(L, index) == 0) return false;
  lua_rawgeti(L, -1, 2);
  const bool loaded = lua_toboolean(L, -1) != 0;
  lua_pop(L, 2);
  return loaded;
}

const Object& object_at(lua_State* L, int index) {
  const auto& holder = *static_cast<std::shared_ptr<void>*>(object_place(L, index));
  return *static_cast<const Object*>(holder.get());
}

const Status& status_at(lua_State* L, int index) {
  const auto& holder = *static_cast<std::shared_ptr<void>*>(status_place(L, index));
  return *static_cast<const Status*>(holder.get());
}

std::string_view part_of(const Object& address, bool domain) {
  const auto& mailbox = address.mailbox();
  if (!mailbox) return "";
  return domain ? mailbox->domain : mailbox->local_part;
}

std::string_view type_name(lua_State* L, int index) {
  switch (shape_at(L, index)) {
    case Shape::none:
    case Shape::unit:
      return "()";
    case Shape::boolean:
      return "bool";
    case Shape::integer:
      return "i64";
    case Shape::real:
      return "f64";
    case Shape::text:
      return "string";
    case Shape::array:
      return "array";
    case Shape::map:
      return "map";
    case Shape::range:
      return "range";
    case Shape::object:
      return to_string(object_at(L, index).type());
    case Shape::status:
      return "status";
    case Shape::function:
      return "Fn";
    case Shape::foreign:
      return "service";
  }
  return "()";
}

std::optional<std::string_view> textual(lua_State* L, int index) {
  switch (shape_at(L, index)) {
    case Shape::text: {
      std::size_t size = 0;
      const char* text = lua_tolstring(L, index, &size);
      return std::string_view(text, size);
    }
    case Shape::object: {
      const Object& object = object_at(L, index);
      switch (object.type()) {
        case Object::Type::ip4:
        case Object::Type::ip6:
        case Object::Type::address:
        case Object::Type::fqdn:
        case Object::Type::identifier:
        case Object::Type::string:
          return object.text();
        default:
          return std::nullopt;
      }
    }
    default:
      return std::nullopt;
  }
}

Work::Work(lua_State* L) : lua_(L) {
  const script::Call& call = script::stack::current(L);
  const std::uint64_t most = call.limits().instructions;
  const std::uint64_t spent = call.spent().instructions;
  allowed_ = most - std::min(most, spent);
}

Work::~Work() { script::stack::charge(lua_, done_); }

void stop_exhausted(lua_State* L) { script::State::exhaust(L, machine_of(L).exhausted); }

void keep_exhausted(lua_State* L, const char* sentence) { machine_of(L).exhausted = sentence; }

Machine& machine_of(lua_State* L) { return script::State::of(L).user<Machine>(); }

int raise(lua_State* L, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char* text = lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  script::stack::push_error(L, text);
  return lua_error(L);
}

}  // namespace postern::dialect::vsl
