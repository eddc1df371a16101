// How C functions of a state pay for work that no hook of the virtual machine sees, and how they
// let others run in the middle of it.
#pragma once

#include <cstdint>

#include <lua.hpp>

namespace postern::script {

struct Spending {
  /// Counts `steps`, each about as long as an instruction; raises an error of the script when the
  /// budget is used up. True: others wait, and the function may give way (State::spend).
  bool (*spend)(lua_State* L, std::uint64_t steps);
  /// Suspends the function; `k` goes on with the same stack.
  int (*give_way)(lua_State* L, lua_KContext context, lua_KFunction k);
};

/// Puts functions into the table on top of the stack, which is popped. In them, pay() works.
/// `spending` is static.
inline void set_functions(lua_State* L, const luaL_Reg* functions, const Spending* spending) {
  lua_pushlightuserdata(L, const_cast<Spending*>(spending));
  luaL_setfuncs(L, functions, 1);
  lua_pop(L, 1);
}

inline const Spending& spending_of(lua_State* L) {
  return *static_cast<const Spending*>(lua_touserdata(L, lua_upvalueindex(1)));
}

/// Call it where no C++ value waits to be destroyed: it may jump. Whoever can keep what it has done
/// so far on the script's stack gives way when told so.
inline bool pay(lua_State* L, std::uint64_t steps) {
  return steps != 0 && spending_of(L).spend(L, steps);
}
inline int give_way(lua_State* L, lua_KContext context, lua_KFunction k) {
  return spending_of(L).give_way(L, context, k);
}

/// Octets that are copied or looked through at once.
inline constexpr std::uint64_t octets_per_step = 64;

}  // namespace postern::script
