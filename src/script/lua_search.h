// find, match, gmatch and gsub of Lua's string library, with a bounded matcher (lua_pattern.h).
// They yield while they work on long texts; a function that gsub calls may wait.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Adds them to the table on top of the stack, which is popped. `spending` must be static.
void set_search_functions(lua_State* L, const Spending* spending);

}  // namespace postern::script
