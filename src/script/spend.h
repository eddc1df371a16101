// How C functions of a state pay for work that no hook of the virtual machine sees.
#pragma once

#include <cstdint>

#include <lua.hpp>

namespace postern::script {

/// Counts `steps`, each about as long as an instruction; raises an error of the script when the
/// budget is used up (State::spend).
using Spend = void(lua_State* L, std::uint64_t steps);

/// Puts functions into the table on top of the stack, which is popped. In them, pay() works.
inline void set_functions(lua_State* L, const luaL_Reg* functions, Spend* spend) {
  lua_pushlightuserdata(L, reinterpret_cast<void*>(spend));
  luaL_setfuncs(L, functions, 1);
  lua_pop(L, 1);
}

/// Call it where no C++ value waits to be destroyed: it may jump.
inline void pay(lua_State* L, std::uint64_t steps) {
  if (steps == 0) return;
  reinterpret_cast<Spend*>(lua_touserdata(L, lua_upvalueindex(1)))(L, steps);
}

/// Octets that are copied or looked through at once.
inline constexpr std::uint64_t octets_per_step = 64;

}  // namespace postern::script
