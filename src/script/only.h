// Stateless values of host classes.
#pragma once

#include "script/bind.h"

namespace postern::script::stack {

/// Pushes the only value of a stateless class. Each state creates it once, so that hooks leave no
/// garbage.
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
