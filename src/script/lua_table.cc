// C functions of Lua: an error jumps out of them over whatever is on the stack, so no value here
// has a destructor. What Lua's own functions say about wrong arguments is said here too.
#include "script/lua_table.h"

#include <climits>
#include <string_view>

namespace postern::script {
namespace {

/// A merge sort: stable, and it ends whatever the order function says. The list is written when all
/// is sorted, so an error leaves it as it was.
constexpr std::string_view sort_text = R"lua(
local type, error = type, error

local has_operator = {table = true, userdata = true}

-- What the script is told about its own line, not about one below.
local function check_comparable(list, count)
  local kind = type(list[1])
  for i = 2, count do
    local other = type(list[i])
    if not has_operator[kind] and not has_operator[other] then
      if other ~= kind then error('attempt to compare ' .. other .. ' with ' .. kind, 3) end
      if kind ~= 'number' and kind ~= 'string' then
        error('attempt to compare two ' .. kind .. ' values', 3)
      end
    end
  end
end

return function(list, order)
  if type(list) ~= 'table' then
    error("bad argument #1 to 'sort' (table expected, got " .. type(list) .. ')', 2)
  end
  if order ~= nil and type(order) ~= 'function' then
    error("bad argument #2 to 'sort' (function expected, got " .. type(order) .. ')', 2)
  end
  local count = #list
  local from, to = {}, {}
  for i = 1, count do from[i] = list[i] end
  if not order then check_comparable(from, count) end

  local width = 1
  while width < count do
    for low = 1, count, 2 * width do
      local left, middle, high = low, low + width, low + 2 * width
      if middle > count + 1 then middle = count + 1 end
      if high > count + 1 then high = count + 1 end
      local right = middle
      for place = low, high - 1 do
        local take_right = left >= middle
        if not take_right and right < high then
          if order then
            take_right = order(from[right], from[left])
          else
            take_right = from[right] < from[left]
          end
        end
        if take_right then
          to[place] = from[right]
          right = right + 1
        else
          to[place] = from[left]
          left = left + 1
        end
      end
    end
    from, to = to, from
    width = 2 * width
  end
  for i = 1, count do list[i] = from[i] end
end
)lua";

/// What it takes to write a number as text.
constexpr std::uint64_t steps_of_number = 20;

/// Pays for the elements of a loop, a thousand at a time.
class Toll {
 public:
  explicit Toll(lua_State* L) : lua_(L) {}
  void add(std::uint64_t steps) {
    owed_ += steps;
    if (owed_ >= 1000) settle();
  }
  void settle() {
    const std::uint64_t steps = owed_;
    owed_ = 0;
    pay(lua_, steps);
  }

 private:
  lua_State* lua_;
  std::uint64_t owed_ = 0;
};

void copy_element(lua_State* L, Toll& toll, int source, lua_Integer from, int target,
                  lua_Integer to) {
  toll.add(1);
  lua_geti(L, source, from);
  lua_seti(L, target, to);
}

lua_Integer table_argument(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  return luaL_len(L, 1);
}

/// Whether `position` is one of 1..`last`.
bool is_within(lua_Integer position, lua_Integer last) {
  return static_cast<lua_Unsigned>(position) - 1 < static_cast<lua_Unsigned>(last);
}

int table_insert(lua_State* L) {
  const auto last = static_cast<lua_Integer>(static_cast<lua_Unsigned>(table_argument(L)) + 1);
  lua_Integer position = last;
  Toll toll(L);
  switch (lua_gettop(L)) {
    case 2:
      break;
    case 3:
      position = luaL_checkinteger(L, 2);
      luaL_argcheck(L, is_within(position, last), 2, "position out of bounds");
      for (lua_Integer i = last; i > position; --i) copy_element(L, toll, 1, i - 1, 1, i);
      break;
    default:
      return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_seti(L, 1, position);
  toll.settle();
  return 0;
}

int table_remove(lua_State* L) {
  const lua_Integer size = table_argument(L);
  lua_Integer position = luaL_optinteger(L, 2, size);
  if (position != size) {
    const auto last = static_cast<lua_Integer>(static_cast<lua_Unsigned>(size) + 1);
    luaL_argcheck(L, is_within(position, last), 2, "position out of bounds");
  }
  Toll toll(L);
  lua_geti(L, 1, position);
  for (; position < size; ++position) copy_element(L, toll, 1, position + 1, 1, position);
  lua_pushnil(L);
  lua_seti(L, 1, position);
  toll.settle();
  return 1;
}

int table_move(lua_State* L) {
  const lua_Integer first = luaL_checkinteger(L, 2);
  const lua_Integer last = luaL_checkinteger(L, 3);
  const lua_Integer to = luaL_checkinteger(L, 4);
  const int target = lua_isnoneornil(L, 5) ? 1 : 5;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, target, LUA_TTABLE);
  if (last >= first) {
    luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    const lua_Integer count = last - first + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
    Toll toll(L);
    // Backwards where the elements would else be written over before they are read.
    const bool overlaps = to > first && to <= last && lua_rawequal(L, 1, target) != 0;
    for (lua_Integer i = 0; i < count; ++i) {
      const lua_Integer offset = overlaps ? count - 1 - i : i;
      copy_element(L, toll, 1, first + offset, target, to + offset);
    }
    toll.settle();
  }
  lua_pushvalue(L, target);
  return 1;
}

/// Adds an element to the buffer.
void add_element(lua_State* L, luaL_Buffer& buffer, Toll& toll, lua_Integer index) {
  lua_geti(L, 1, index);
  std::size_t size = 0;
  if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid value (at index %I) in table for 'concat'",
               static_cast<LUAI_UACINT>(index));
  }
  const bool is_number = lua_type(L, -1) == LUA_TNUMBER;
  lua_tolstring(L, -1, &size);
  luaL_addvalue(&buffer);
  toll.add((is_number ? steps_of_number : 1) + size / octets_per_step);
}

int table_concat(lua_State* L) {
  const lua_Integer size = table_argument(L);
  std::size_t separator_size = 0;
  const char* separator = luaL_optlstring(L, 2, "", &separator_size);
  lua_Integer i = luaL_optinteger(L, 3, 1);
  const lua_Integer last = luaL_optinteger(L, 4, size);
  Toll toll(L);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (; i < last; ++i) {
    add_element(L, buffer, toll, i);
    luaL_addlstring(&buffer, separator, separator_size);
    toll.add(separator_size / octets_per_step);
  }
  if (i == last) add_element(L, buffer, toll, i);
  luaL_pushresult(&buffer);
  toll.settle();
  return 1;
}

int table_unpack(lua_State* L) {
  lua_Integer i = luaL_optinteger(L, 2, 1);
  const lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
  if (i > last) return 0;
  const lua_Unsigned count = static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(i);
  if (count >= INT_MAX || lua_checkstack(L, static_cast<int>(count + 1)) == 0)
    return luaL_error(L, "too many results to unpack");
  pay(L, count + 1);
  for (; i < last; ++i) lua_geti(L, 1, i);
  lua_geti(L, 1, last);
  return static_cast<int>(count + 1);
}

constexpr luaL_Reg functions[] = {
    {"concat", &table_concat}, {"insert", &table_insert}, {"move", &table_move},
    {"remove", &table_remove}, {"unpack", &table_unpack}, {nullptr, nullptr},
};

}  // namespace

void open_table(lua_State* L, Spend* spend) {
  lua_getglobal(L, LUA_TABLIBNAME);
  if (luaL_loadbufferx(L, sort_text.data(), sort_text.size(), "=table.sort", "t") != LUA_OK)
    lua_error(L);
  lua_call(L, 0, 1);
  lua_setfield(L, -2, "sort");
  set_functions(L, functions, spend);
}

}  // namespace postern::script
