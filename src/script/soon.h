// Host functions that often need not wait.
#pragma once

#include <memory>
#include <variant>

#include "script/bind.h"

namespace postern::script {

/// The result of a host function that often need not wait: the result, or a task that waits for it.
template <class T>
using Soon = std::variant<T, Task<T>>;

namespace stack {

/// Pushes the result, or suspends the script until it is there.
template <class T>
int give_soon(lua_State* L, Soon<T> soon) {
  static_assert(
      IsShared<T>::value && !requires { sizeof(Kept<T>); },
      "a record must hold every result that is data, and suspend() records only those "
      "that were waited for");
  if (auto* task = std::get_if<1>(&soon)) {
    return suspend(L, std::make_unique<PendingTask<T>>(std::move(*task)));
  }
  return give(L, std::move(*std::get_if<0>(&soon)));
}

/// Calls a function that takes the call and one argument.
template <class T, class A>
int invoke_soon(lua_State* L, Soon<T> (*function)(Call&, A)) {
  return give_soon<T>(L, function(current(L), take<A>(L, 1)));
}

}  // namespace stack

/// As bind<>, for a function that returns a Soon of a host class. It takes the call and one
/// argument.
template <auto function>
int bind_soon(lua_State* L) {
  return stack::guarded(L, [](lua_State* inner) { return stack::invoke_soon(inner, function); });
}

}  // namespace postern::script
