#include "net/table_client.h"

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

}  // namespace postern::net
