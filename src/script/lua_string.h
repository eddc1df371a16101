// Bounded versions of the functions of Lua's string library that can run long inside one C call.
// find, match, gmatch and gsub (lua_pattern.h), rep, upper, lower and reverse yield while they work
// on long texts; a function that gsub calls may wait. format, pack, packsize, unpack, byte,
// utf8.len, utf8.codepoint, os.date and tonumber pay for the text they read. string.dump is
// removed.
#pragma once

#include "script/spend.h"

namespace postern::script {

/// The longest result of string.rep, in octets.
inline constexpr std::size_t longest_repetition = 16u << 20;

/// Replaces them in the opened libraries of a state. `spending` must be static.
void open_string(lua_State* L, const Spending* spending);

}  // namespace postern::script
