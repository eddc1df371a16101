// kumo.secrets, and the sources of keys.
#pragma once

#include <string>

#include "base/task.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// Vault has no such secret. If a hook that judges a login ends with this error, the login is
/// refused. An unknown user is thus answered like a wrong password.
class NotFound : public script::Thrown {
 public:
  using Thrown::Thrown;  ///< `text`: the message
  json::value data() const override { return {{"not_found", text()}}; }
};

/// The octets of a secret. `source` is a file's name, `{key_data = ...}`, or a secret of Vault; for
/// the result of a handler see with_key_source(). From then on the secret is masked in the call's
/// logs; one that is loaded with the policy is masked in every hook. Throws NotFound, or a sentence
/// without token and path.
Task<std::string> load_key(script::Call& call, json::value source);

/// If the first argument is `{event_name = ..., event_args = {...}}`, pushes the handler and its
/// arguments, and returns how many values it pushed. 0: another kind of source. Throws a sentence
/// if the handler or the arguments are wrong.
int push_key_handler(lua_State* L);
/// Replaces the first argument by `{key_data = ...}` with the handler's result, which is on top of
/// the stack. Throws unless the result is a string.
int take_handlers_key(lua_State* L);

/// A host function whose first argument is a key source. If that names an event, its handler is
/// called first and may suspend.
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
