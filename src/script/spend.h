// How C functions of scripts count work that is not Lua instructions against the script's budget,
// and yield before the work is complete.
#pragma once

#include <cstdint>

#include <lua.hpp>

namespace postern::script {

/// The functions of State that do this, behind pointers so that callers need not include state.h.
struct Spending {
  /// Counts `steps`, each worth about one instruction, against the budget of the call; raises an
  /// error of the script when the budget is used up. True: the call has computed for a while and
  /// may yield, so the function should call give_way() (State::spend).
  bool (*spend)(lua_State* L, std::uint64_t steps);
  /// Yields; afterwards Lua calls `k` with `context` and the same stack. The caller returns the
  /// result of give_way() at once (lua_yieldk).
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

/// See Spending::spend. May leave the function by longjmp: no C++ object with a destructor may be
/// alive in it. On true, a function that keeps its progress on the stack should yield.
inline bool pay(lua_State* L, std::uint64_t steps) {
  return steps != 0 && spending_of(L).spend(L, steps);
}
/// See Spending::give_way.
inline int give_way(lua_State* L, lua_KContext context, lua_KFunction k) {
  return spending_of(L).give_way(L, context, k);
}

/// Copying or scanning this many octets costs one step.
inline constexpr std::uint64_t octets_per_step = 64;

}  // namespace postern::script
