// The Lua libraries that read files: io (open, lines, type), package and require, loadfile and
// dofile. All read through State::files(); nothing writes. A file is read as a whole, at most 16
// MiB, and its text counts as the script's memory. io reads on a thread that may block.
#pragma once

#include <lua.hpp>

namespace postern::script {

/// Adds them to a state whose other libraries are open.
void open_io(lua_State* L);

}  // namespace postern::script
