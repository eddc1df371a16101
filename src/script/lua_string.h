// The functions of Lua's string library that can run for long inside one C call, with a bound:
// find, match, gmatch and gsub (lua_pattern.h), rep, upper, lower and reverse let others run in the
// middle of a long text; a function that gsub calls may wait. format, pack, packsize, unpack, byte
// and utf8.len, utf8.codepoint, os.date, tonumber pay for what they look at. string.dump is gone.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// Longest text that string.rep makes, in octets.
inline constexpr std::size_t longest_repetition = 16u << 20;

/// Replaces them in the opened libraries of a state. `spending` is static.
void open_string(lua_State* L, const Spending* spending);

}  // namespace postern::script
