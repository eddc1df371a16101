// The only coroutine type of the gateway. Only this header and the I/O rooms may use Boost.Asio
// directly.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace postern {

/// A coroutine on its caller's event loop. Three rules (docs/decisions/0001-compiler.md): give each
/// awaited object a name, put each co_await in a statement of its own, and spawn named functions
/// that take their arguments by value.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace postern
