// kumo.secrets, and where keys come from.
#pragma once

#include <string>

#include "base/task.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// What Vault has no secret for. A hook that judges a login and ends with it has refused the login:
/// then a user that does not exist looks as a wrong password does.
class NotFound : public script::Thrown {
 public:
  using Thrown::Thrown;
  json::value data() const override { return {{"not_found", text()}}; }
};

/// The octets that a key source names: a file's name, `{key_data = ...}`, or a secret of Vault; see
/// with_key_source() for the result of a handler.
/// They are left out of the call's logs from then on. Throws NotFound, and sentences that hold
/// neither token nor path of a secret.
Task<std::string> load_key(script::Call& call, json::value source);

/// Where the first argument is `{event_name = ..., event_args = {...}}`, pushes the handler and its
/// arguments; returns how many values that is, 0: it is another source. Throws what is wrong.
int push_key_handler(lua_State* L);
/// The handler's result, on top of the stack, becomes the first argument as `{key_data = ...}`.
int take_handlers_key(lua_State* L);

/// A host function whose first argument is a key source, where that may be the handler of an event.
template <lua_CFunction function>
int with_key_source(lua_State* L) {
  const int pushed = script::stack::guarded(L, push_key_handler);
  if (pushed == 0) return function(L);
  const lua_KFunction called = [](lua_State* inner, int, lua_KContext) {
    script::stack::guarded(inner, take_handlers_key);
    return function(inner);
  };
  lua_callk(L, pushed - 1, 1, 0, called);
  return called(L, LUA_OK, 0);
}

}  // namespace postern::dialect::kumo
