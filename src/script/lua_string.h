// The functions of Lua's string library that can run for ever inside one C call, with a bound:
// find, match, gmatch, gsub (lua_pattern.h) and rep; utf8.len pays for what it counts. string.dump
// is gone.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Longest text that string.rep makes, in octets.
inline constexpr std::size_t longest_repetition = 16u << 20;

/// Replaces them in the opened libraries `string` and `utf8` of a state.
void open_string(lua_State* L, Spend* spend);

}  // namespace postern::script
