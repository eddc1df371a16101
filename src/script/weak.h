// Tables whose entries are weak. Of weak keys there are none for scripts: at the end of a
// collection Lua walks through all such tables again for as long as one has an entry more that
// lives, with the square of their number, and nothing can give way meanwhile.
#pragma once

#include <lua.hpp>

namespace postern::script {

struct Weak {
  /// Of a new state: Lua looks for `__mode` under a key from now on that no script can spell.
  static void hide_mode(lua_State* L);
  /// The metatable at `index` has the tables that get it now be weak: "v", or "k" where no script
  /// decides what is a value.
  static void set(lua_State* L, int index, const char* mode);
  /// What setmetatable() does about the `__mode` of the metatable at `index`. Raises an error of
  /// the script.
  static void take_over(lua_State* L, int index);
  /// Whether the key at `index` is that of set(), which no script sees.
  static bool is_hidden(lua_State* L, int index);
  /// `next` and `pairs` that leave it out; into the table on top of the stack.
  static void open(lua_State* L);
};

}  // namespace postern::script
