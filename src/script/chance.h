// The clock and random numbers of scripts. Both are recorded, so that a call can be run again; each
// call has its own random sequence.
#pragma once

#include <lua.hpp>

namespace postern::script {

/// Replaces os.time, os.date, os.clock, math.random and math.randomseed of a state.
void open_chance(lua_State* L);

}  // namespace postern::script
