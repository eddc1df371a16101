// C functions for Lua: an error jumps over the C++ stack, so no value here has a destructor. Error
// texts about arguments are Lua's own.
#include "script/lua_table.h"

#include <algorithm>
#include <string_view>

#include "script/long_text.h"

namespace postern::script {
namespace {

/// A merge sort: stable, and it ends whatever the order function returns. The list is written after
/// sorting, so an error leaves it unchanged.
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

/// The cost of writing a number as text.
constexpr std::uint64_t steps_of_number = 20;

/// Pays for the elements of a loop, in steps of a thousand.
class Toll {
 public:
  explicit Toll(lua_State* L) : lua_(L) {}
  /// True: the function should yield.
  bool add(std::uint64_t steps) {
    owed_ += steps;
    return owed_ >= 1000 && settle();
  }
  bool settle() {
    const std::uint64_t steps = owed_;
    owed_ = 0;
    return pay(lua_, steps);
  }

 private:
  lua_State* lua_;
  std::uint64_t owed_ = 0;
};

/// The progress of moving elements, in a userdata on the stack.
struct Moving {
  int source;  ///< on the stack
  int target;
  lua_Integer from;
  lua_Integer to;
  lua_Integer count;
  bool backwards;  ///< if the ranges overlap so that elements would be overwritten first
  lua_KFunction finish;
};

/// `slot`: the stack index of the Moving, which is on top.
int go_on_moving(lua_State* L, int, lua_KContext slot) {
  Moving& now = *static_cast<Moving*>(lua_touserdata(L, static_cast<int>(slot)));
  Toll toll(L);
  while (now.count > 0) {
    --now.count;
    const lua_Integer offset = now.backwards ? now.count : 0;
    lua_geti(L, now.source, now.from + offset);
    lua_seti(L, now.target, now.to + offset);
    if (!now.backwards) {
      ++now.from;
      ++now.to;
    }
    if (toll.add(1)) return give_way(L, slot, go_on_moving);
  }
  toll.settle();
  return now.finish(L, LUA_OK, 0);
}

int move_elements(lua_State* L, const Moving& moving) {
  if (moving.count <= 0) return moving.finish(L, LUA_OK, 0);
  *static_cast<Moving*>(lua_newuserdatauv(L, sizeof(Moving), 0)) = moving;
  return go_on_moving(L, LUA_OK, lua_gettop(L));
}

lua_Integer table_argument(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  return luaL_len(L, 1);
}

/// Whether `position` is one of 1..`last`.
bool is_within(lua_Integer position, lua_Integer last) {
  return static_cast<lua_Unsigned>(position) - 1 < static_cast<lua_Unsigned>(last);
}

/// Stack: table, position, value.
int put_inserted(lua_State* L, int, lua_KContext) {
  lua_pushvalue(L, 3);
  lua_seti(L, 1, lua_tointeger(L, 2));
  return 0;
}

int table_insert(lua_State* L) {
  const auto last = static_cast<lua_Integer>(static_cast<lua_Unsigned>(table_argument(L)) + 1);
  if (lua_gettop(L) == 2) {
    lua_seti(L, 1, last);
    return 0;
  }
  if (lua_gettop(L) != 3) return luaL_error(L, "wrong number of arguments to 'insert'");
  const lua_Integer position = luaL_checkinteger(L, 2);
  luaL_argcheck(L, is_within(position, last), 2, "position out of bounds");
  return move_elements(L, {.source = 1,
                           .target = 1,
                           .from = position,
                           .to = position + 1,
                           .count = last - position,
                           .backwards = true,
                           .finish = put_inserted});
}

/// Stack: table, the free position, the removed value.
int give_removed(lua_State* L, int, lua_KContext) {
  lua_settop(L, 3);
  lua_pushnil(L);
  lua_seti(L, 1, lua_tointeger(L, 2));
  return 1;
}

int table_remove(lua_State* L) {
  const lua_Integer size = table_argument(L);
  const lua_Integer position = luaL_optinteger(L, 2, size);
  if (position != size) {
    const auto last = static_cast<lua_Integer>(static_cast<lua_Unsigned>(size) + 1);
    luaL_argcheck(L, is_within(position, last), 2, "position out of bounds");
  }
  lua_settop(L, 1);
  lua_pushinteger(L, std::max(position, size));
  lua_geti(L, 1, position);
  return move_elements(L, {.source = 1,
                           .target = 1,
                           .from = position + 1,
                           .to = position,
                           .count = size - position,
                           .backwards = false,
                           .finish = give_removed});
}

int table_move(lua_State* L) {
  const lua_Integer first = luaL_checkinteger(L, 2);
  const lua_Integer last = luaL_checkinteger(L, 3);
  const lua_Integer to = luaL_checkinteger(L, 4);
  const int target = lua_isnoneornil(L, 5) ? 1 : 5;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, target, LUA_TTABLE);
  lua_settop(L, 5);
  Moving moving{.source = 1,
                .target = target,
                .from = first,
                .to = to,
                .count = 0,
                .backwards = false,
                .finish = [](lua_State* M, int, lua_KContext) {
                  lua_pushvalue(M, lua_isnil(M, 5) ? 1 : 5);
                  return 1;
                }};
  if (last >= first) {
    luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
    moving.count = last - first + 1;
    luaL_argcheck(L, to <= LUA_MAXINTEGER - moving.count + 1, 4, "destination wrap around");
    moving.backwards = to > first && to <= last && lua_rawequal(L, 1, target) != 0;
  }
  return move_elements(L, moving);
}

/// The progress of table.concat.
struct Joined {
  lua_Integer next;
  lua_Integer last;
};
constexpr int concat_text_slot = 5;

/// Appends an element; returns its cost in steps.
std::uint64_t add_element(lua_State* L, LongText<Joined>& made, lua_Integer index) {
  lua_geti(L, 1, index);
  if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid value (at index %I) in table for 'concat'",
               static_cast<LUAI_UACINT>(index));
  }
  const std::uint64_t steps = lua_type(L, -1) == LUA_TNUMBER ? steps_of_number : 1;
  const std::size_t before = made.size();
  made.add_top();
  return steps + (made.size() - before) / octets_per_step;
}

int go_on_joining(lua_State* L, int, lua_KContext) {
  LongText<Joined> made(L, concat_text_slot);
  std::size_t size = 0;
  const char* separator = luaL_optlstring(L, 2, "", &size);
  Toll toll(L);
  while (made.progress().next <= made.progress().last) {
    std::uint64_t steps = add_element(L, made, made.progress().next);
    const bool is_last = made.progress().next == made.progress().last;
    if (!is_last) {
      made.add({separator, size});
      steps += size / octets_per_step;
      ++made.progress().next;
    }
    const bool tired = toll.add(steps);
    if (is_last) break;
    if (tired) return give_way(L, 0, go_on_joining);
  }
  toll.settle();
  made.push();
  return 1;
}

int table_concat(lua_State* L) {
  const lua_Integer size = table_argument(L);
  luaL_optlstring(L, 2, "", nullptr);
  const lua_Integer first = luaL_optinteger(L, 3, 1);
  const lua_Integer last = luaL_optinteger(L, 4, size);
  lua_settop(L, 4);
  LongText<Joined>::begin(L, concat_text_slot, {.next = first, .last = last}, 0);
  return go_on_joining(L, LUA_OK, 0);
}

int table_unpack(lua_State* L) {
  lua_Integer i = luaL_optinteger(L, 2, 1);
  const lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
  if (i > last) return 0;
  const lua_Unsigned count = static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(i);
  if (count >= most_values || lua_checkstack(L, static_cast<int>(count + 1)) == 0)
    return luaL_error(L, "too many results to unpack");
  pay(L, count + 1);
  for (; i < last; ++i) lua_geti(L, 1, i);
  lua_geti(L, 1, last);
  return static_cast<int>(count + 1);
}

constexpr luaL_Reg table_functions[] = {
    {"concat", &table_concat}, {"insert", &table_insert}, {"move", &table_move},
    {"remove", &table_remove}, {"unpack", &table_unpack}, {nullptr, nullptr},
};

}  // namespace

void open_table(lua_State* L, const Spending* spending) {
  lua_getglobal(L, LUA_TABLIBNAME);
  if (luaL_loadbufferx(L, sort_text.data(), sort_text.size(), "=table.sort", "t") != LUA_OK)
    lua_error(L);
  lua_call(L, 0, 1);
  lua_setfield(L, -2, "sort");
  set_functions(L, table_functions, spending);
}

}  // namespace postern::script
