// The one coroutine type of the gateway. Only this header and the I/O rooms may name Boost.Asio.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace postern {

/// A coroutine that runs on its caller's event loop. Name what you await, await it alone in its
/// statement, and spawn named functions that take values (docs/decisions/0001-compiler.md).
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace postern
