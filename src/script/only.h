// Values of the host's own that have no state.
#pragma once

#include "script/bind.h"

namespace postern::script::stack {

/// The one value of a class whose values have no state of their own. A state has it once: what
/// every hook gets is no garbage that every hook leaves.
template <class T>
void push_only(lua_State* L) {
  static const auto only = std::make_shared<T>();
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, only.get()) != LUA_TNIL) return;
  lua_pop(L, 1);
  push_object(L, only, ClassName<T>::value);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, only.get());
}

}  // namespace postern::script::stack
