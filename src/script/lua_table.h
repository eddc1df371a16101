// The functions of Lua's table library that go through a table inside one C call (concat, insert,
// move, remove, unpack) pay for what they do. `sort` is written in Lua, so that it gives way to
// others like any loop, its order function may wait, and an order that contradicts itself does no
// harm.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Replaces them in the opened library `table` of a state whose basic library is open.
void open_table(lua_State* L, const Spending* spending);

}  // namespace postern::script
