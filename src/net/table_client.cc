#include "net/table_client.h"

#include <algorithm>

#include <boost/asio.hpp>

#include "net/exchange.h"

namespace postern::net {

Task<TableReply> ask_tcp_table(std::string service, std::string key,
                               std::chrono::milliseconds limit) {
  const Result<std::string> reply = co_await exchange(
      std::move(service), tcp_table_request(key), tcp_table_reply_size, max_tcp_table_reply, limit);
  if (!reply) co_return tl::unexpected(reply.error());
  co_return tcp_table_reply(*reply);
}

Task<TableReply> ask_socketmap(std::string service, std::string map, std::string key,
                               std::chrono::milliseconds limit) {
  const Result<std::string> reply =
      co_await exchange(std::move(service), socketmap_request(map, key), socketmap_reply_size,
                        max_socketmap_reply, limit);
  if (!reply) co_return tl::unexpected(reply.error());
  co_return socketmap_reply(*reply);
}

Task<TableReply> ask_memcache(MemcacheServer server, std::string key,
                              std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + limit;
  const auto size_of = [limits = server.limits](std::string_view so_far) {
    return memcache_reply_size(so_far, limits);
  };
  boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
  for (unsigned tries = 1;; ++tries) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const Result<std::string> reply =
        co_await exchange(server.service, memcache_request(key), size_of, server.limits.reply(),
                          std::min(left, server.timeout));
    TableReply found = reply ? memcache_reply(*reply, key, server.limits)
                             : TableReply(tl::unexpected(reply.error()));
    if (found) co_return found;
    // exchange() names the server itself.
    if (reply) found.error().message.insert(0, server.service + ": ");
    const bool no_server = !reply && reply.error().fault == Fault::not_found;
    if (no_server || tries >= server.tries || Clock::now() + server.pause >= deadline) {
      co_return found;
    }
    pause.expires_after(server.pause);
    const auto ignored =
        co_await pause.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    static_cast<void>(ignored);
  }
}

}  // namespace postern::net
