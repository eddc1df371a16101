// The functions of Lua's table library that walk a table inside one C call (concat, insert, move,
// remove, unpack) pay for their work. `sort` is written in Lua: it yields like any loop, its order
// function may wait, and an inconsistent order function does no harm.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Replaces them in the opened library `table` of a state whose basic library is open. `spending`
/// must be static.
void open_table(lua_State* L, const Spending* spending);

}  // namespace postern::script
