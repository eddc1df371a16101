// What a policy finds by chance: the clock and random numbers. Each call has random numbers of its
// own, and what it was told is recorded, so that it can be run again.
#pragma once

#include <lua.hpp>

namespace postern::script {

/// Replaces os.time, os.date, os.clock, math.random and math.randomseed of a state.
void open_chance(lua_State* L);

}  // namespace postern::script
