// How C functions pay for work that the VM's hook does not count, and yield in the middle of it.
#pragma once

#include <cstdint>

#include <lua.hpp>

namespace postern::script {

/// The state's functions, which do not depend on its type.
struct Spending {
  /// Counts `steps` of about one instruction each; raises an error of the script if the budget is
  /// used up. True: the function should yield, and may (State::spend).
  bool (*spend)(lua_State* L, std::uint64_t steps);
  /// Yields; `k` continues with the same stack. Return its result.
  int (*give_way)(lua_State* L, lua_KContext context, lua_KFunction k);
};

/// Adds functions to the table on top of the stack, which is popped; they may call pay().
/// `spending` must be static.
inline void set_functions(lua_State* L, const luaL_Reg* functions, const Spending* spending) {
  lua_pushlightuserdata(L, const_cast<Spending*>(spending));
  luaL_setfuncs(L, functions, 1);
  lua_pop(L, 1);
}

/// The Spending of a function that set_functions() added.
inline const Spending& spending_of(lua_State* L) {
  return *static_cast<const Spending*>(lua_touserdata(L, lua_upvalueindex(1)));
}

/// See Spending::spend. May jump: no C++ value may need its destructor. On true, a function that
/// keeps its progress on the script's stack should yield.
inline bool pay(lua_State* L, std::uint64_t steps) {
  return steps != 0 && spending_of(L).spend(L, steps);
}
/// See Spending::give_way.
inline int give_way(lua_State* L, lua_KContext context, lua_KFunction k) {
  return spending_of(L).give_way(L, context, k);
}

/// Octets that are copied or scanned in the time of one step.
inline constexpr std::uint64_t octets_per_step = 64;

}  // namespace postern::script
