// Adapts completions to coroutines.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/task.h"

namespace postern::net {

/// Calls `start(done)` with a completion that takes a T, and resumes the caller on its executor
/// with that. The caller's event loop must run until then.
template <class T, class Start>
Task<T> completion(Start start) {
  auto begin = [](auto handler, Start* call) {
    using Handler = decltype(handler);
    auto executor = boost::asio::prefer(
        boost::asio::any_io_executor(boost::asio::get_associated_executor(handler)),
        boost::asio::execution::outstanding_work.tracked);
    // std::function must be copyable; the handler is move-only.
    auto shared = std::make_shared<Handler>(std::move(handler));
    (*call)([shared, executor](T result) {
      boost::asio::post(executor, [shared, result = std::move(result)]() mutable {
        std::move (*shared)(std::optional<T>(std::move(result)));
      });
    });
  };
  // An optional, because the result of an awaitable must be default-constructible.
  auto answer = co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                                     void(std::optional<T>)>(
      begin, boost::asio::use_awaitable, &start);
  co_return std::move(*answer);
}

}  // namespace postern::net
