// What of Lua's libraries reads files: io (open, lines, type), package and require, loadfile and
// dofile. All of it reads through State::files() and nothing writes. A file is read as a whole, at
// most 16 MiB; its text is memory of the script. io reads on a thread that may block.
#pragma once

#include <lua.hpp>

namespace postern::script {

/// Makes them in a state whose other libraries are open.
void open_io(lua_State* L);

}  // namespace postern::script
