// A script's coroutines lie between the host and a function that waits. When the host suspends the
// innermost one, each outer one suspends as well, and all resume together.
#include "script/runtime.h"

namespace postern::script {

namespace {

/// Closing a coroutine runs its `__close` functions on the C stack, and they may close other
/// coroutines. Lua limits such nesting per coroutine, not per process.
constexpr int deepest_closing = 10;

lua_State* coroutine_at(lua_State* L, int index) {
  lua_State* inner = lua_tothread(L, index);
  luaL_argexpected(L, inner != nullptr, index, "coroutine");
  return inner;
}

enum class Status : std::uint8_t { running, dead, suspended, normal };
constexpr const char* status_names[] = {"running", "dead", "suspended", "normal"};

/// The status as Lua names it. A coroutine that waits for the host is "normal", and so is each one
/// that waits for it.
Status status_of(lua_State* L, lua_State* inner) {
  if (inner == L) return Status::running;
  if (Runtime::is_held(inner)) return Status::normal;
  lua_Debug frame{};
  switch (lua_status(inner)) {
    case LUA_YIELD:
      return Status::suspended;
    case LUA_OK:
      if (lua_getstack(inner, 0, &frame) != 0) return Status::normal;
      return lua_gettop(inner) == 0 ? Status::dead : Status::suspended;
    default:
      return Status::dead;
  }
}

const char* why_not_resumed(Status status) {
  if (status == Status::suspended) return nullptr;
  return status == Status::dead ? "cannot resume dead coroutine"
                                : "cannot resume non-suspended coroutine";
}

}  // namespace

/// Handles the end of a step: pushes the results of resume() or of wrap()'s function to L.
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
    if (lua_type(L, -1) == LUA_TSTRING) {  // the error also names its caller's place
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
  lua_State* inner = reinterpret_cast<lua_State*>(context);
  Runtime::hold(inner, false);
  return go_on(L, inner, 0, wraps);
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
    Runtime::hold(inner, true);
    const auto context = reinterpret_cast<lua_KContext>(inner);
    return lua_yieldk(L, 0, context, wraps ? &resumed<true> : &resumed<false>);
  }
  return finished(L, inner, status, count, wraps);
}

int Coroutines::resume(lua_State* L) {
  lua_State* inner = coroutine_at(L, 1);
  const int arguments = lua_gettop(L) - 1;
  const char* wrong = why_not_resumed(status_of(L, inner));
  if (wrong == nullptr && lua_checkstack(inner, arguments) == 0) {
    wrong = "too many arguments to resume";
  }
  if (wrong != nullptr) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, wrong);
    return 2;
  }
  lua_xmove(L, inner, arguments);
  return go_on(L, inner, lua_status(inner) == LUA_YIELD ? arguments : arguments + 1, false);
}

int Coroutines::wrapped(lua_State* L) {
  lua_State* inner = lua_tothread(L, lua_upvalueindex(1));
  const int arguments = lua_gettop(L);
  const char* wrong = why_not_resumed(status_of(L, inner));
  if (wrong != nullptr) return luaL_error(L, "%s", wrong);
  if (lua_checkstack(inner, arguments) == 0) return luaL_error(L, "too many arguments to resume");
  lua_xmove(L, inner, arguments);
  return go_on(L, inner, lua_status(inner) == LUA_YIELD ? arguments : arguments + 1, true);
}

int Coroutines::status(lua_State* L) {
  lua_pushstring(L, status_names[static_cast<std::size_t>(status_of(L, coroutine_at(L, 1)))]);
  return 1;
}

/// The `__close` functions can neither wait nor yield, as nothing would resume them.
int Coroutines::close(lua_State* L) {
  lua_State* inner = coroutine_at(L, 1);
  const Status now = status_of(L, inner);
  if (now != Status::suspended && now != Status::dead) {
    return luaL_error(L, "cannot close a %s coroutine",
                      status_names[static_cast<std::size_t>(now)]);
  }
  State& state = State::of(L);
  if (state.closing_ == deepest_closing) return luaL_error(L, "C stack overflow");
  ++state.closing_;
  ++state.no_slices_;
  Runtime::hold(inner, true);
  state.inner_ = inner;
  const int result = lua_resetthread(inner);
  state.inner_ = L;
  Runtime::hold(inner, false);
  --state.no_slices_;
  --state.closing_;
  lua_pushboolean(L, result == LUA_OK ? 1 : 0);
  if (result == LUA_OK) return 1;
  lua_xmove(inner, L, 1);
  return 2;
}

/// The first frame of a coroutine, see Frame in state.cc: its variables are closed under its own
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
  // A call's own coroutine or a closing one: both are held while they run.
  if (Runtime::is_held(L)) {
    return luaL_error(L, "attempt to yield from outside a coroutine");
  }
  return lua_yield(L, lua_gettop(L));
}

void Coroutines::open(lua_State* L) {
  static constexpr luaL_Reg own[] = {{"close", close},   {"create", create}, {"resume", resume},
                                     {"status", status}, {"wrap", wrap},     {"yield", yield},
                                     {nullptr, nullptr}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, own, 0);
  lua_pop(L, 1);
}

}  // namespace postern::script
