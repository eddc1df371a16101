// A script's coroutines stand between the host and the function that waits. When the host suspends
// the innermost one, each of the others suspends in turn, and all resume together.
#include "script/runtime.h"

namespace postern::script {

namespace {

lua_State* coroutine_at(lua_State* L, int index) {
  lua_State* inner = lua_tothread(L, index);
  luaL_argexpected(L, inner != nullptr, index, "coroutine");
  return inner;
}

}  // namespace

/// What became of a step: L gets the results as resume() or wrap()'s function returns them.
int Coroutines::finished(lua_State* L, lua_State* inner, int status, int count, bool wraps) {
  if (status == LUA_OK || status == LUA_YIELD) {
    if (lua_checkstack(L, count + 1) == 0) {
      lua_pop(inner, count);
      return luaL_error(L, "too many results to resume");
    }
    if (!wraps) lua_pushboolean(L, 1);
    lua_xmove(inner, L, count);
    return wraps ? count : count + 1;
  }
  if (wraps) {
    lua_xmove(inner, L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {  // the error tells where it was called, too
      luaL_where(L, 1);
      lua_insert(L, -2);
      lua_concat(L, 2);
    }
    return lua_error(L);
  }
  lua_pushboolean(L, 0);
  lua_xmove(inner, L, 1);
  return 2;
}

template <bool wraps>
int Coroutines::resumed(lua_State* L, int, lua_KContext context) {
  return go_on(L, reinterpret_cast<lua_State*>(context), 0, wraps);
}

int Coroutines::go_on(lua_State* L, lua_State* inner, int arguments, bool wraps) {
  State& state = State::of(L);
  const bool waits = Runtime::may_wait(state, L);
  if (!waits) ++state.no_slices_;
  int count = 0;
  state.inner_ = inner;
  const int status = lua_resume(inner, L, arguments, &count);
  state.inner_ = L;
  if (!waits) --state.no_slices_;
  if (status == LUA_YIELD && (state.gave_way_ || state.pending_)) {
    const auto context = reinterpret_cast<lua_KContext>(inner);
    return lua_yieldk(L, 0, context, wraps ? &resumed<true> : &resumed<false>);
  }
  return finished(L, inner, status, count, wraps);
}

int Coroutines::resume(lua_State* L) {
  lua_State* inner = coroutine_at(L, 1);
  const int arguments = lua_gettop(L) - 1;
  const bool dead =
      lua_status(inner) != LUA_YIELD && (lua_status(inner) != LUA_OK || lua_gettop(inner) == 0);
  if (dead || inner == L || lua_checkstack(inner, arguments) == 0) {
    lua_pushboolean(L, 0);
    lua_pushstring(L,
                   dead ? "cannot resume dead coroutine" : "cannot resume non-suspended coroutine");
    return 2;
  }
  lua_xmove(L, inner, arguments);
  return go_on(L, inner, lua_status(inner) == LUA_YIELD ? arguments : arguments + 1, false);
}

int Coroutines::wrapped(lua_State* L) {
  lua_State* inner = lua_tothread(L, lua_upvalueindex(1));
  const int arguments = lua_gettop(L);
  const bool dead =
      lua_status(inner) != LUA_YIELD && (lua_status(inner) != LUA_OK || lua_gettop(inner) == 0);
  if (dead) return luaL_error(L, "cannot resume dead coroutine");
  if (lua_checkstack(inner, arguments) == 0) return luaL_error(L, "too many arguments to resume");
  lua_xmove(L, inner, arguments);
  return go_on(L, inner, lua_status(inner) == LUA_YIELD ? arguments : arguments + 1, true);
}

/// The first frame of a coroutine, see Frame in state.cc: what it holds is closed under its own
/// protected call, where the budget's hook works.
int Coroutines::start(lua_State* L) {
  return started(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, started), 0);
}

int Coroutines::started(lua_State* L, int status, lua_KContext) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L);
  return lua_error(L);
}

int Coroutines::create(lua_State* L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State* inner = lua_newthread(L);
  lua_pushcfunction(inner, start);
  lua_pushvalue(L, 1);
  lua_xmove(L, inner, 1);
  return 1;
}

int Coroutines::wrap(lua_State* L) {
  create(L);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

int Coroutines::yield(lua_State* L) {
  if (State::of(L).driven_ == L) {
    return luaL_error(L, "attempt to yield from outside a coroutine");
  }
  return lua_yield(L, lua_gettop(L));
}

void Coroutines::open(lua_State* L) {
  static constexpr luaL_Reg own[] = {
      {"create", create}, {"resume", resume}, {"wrap", wrap}, {"yield", yield}, {nullptr, nullptr}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, own, 0);
  lua_pop(L, 1);
}

}  // namespace postern::script
