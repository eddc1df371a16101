// find, match, gmatch and gsub of Lua's string library, over a matcher that has a bound
// (lua_pattern.h). In the middle of a long text they let others run; a function that gsub calls may
// wait.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Puts them into the table on top of the stack, which is popped. `spending` is static.
void set_search_functions(lua_State* L, const Spending* spending);

}  // namespace postern::script
