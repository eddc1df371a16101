// Lookups in tables of other programs, each on a new connection: tcp_table(5), socketmap_table(5)
// and memcache_table(5) of Postfix.
#pragma once

#include <chrono>
#include <string>

#include "base/task.h"
#include "net/table_protocols.h"

namespace postern::net {

/// Queries a tcp_table. `service` is as in exchange(). Errors: those of exchange() and of
/// TableReply.
Task<TableReply> ask_tcp_table(std::string service, std::string key,
                               std::chrono::milliseconds limit);
/// Queries a socketmap; as above.
Task<TableReply> ask_socketmap(std::string service, std::string map, std::string key,
                               std::chrono::milliseconds limit);

/// A memcached server, and how it is asked.
struct MemcacheServer {
  std::string service;    ///< as in exchange()
  MemcacheLimits limits;  ///< of a reply
  unsigned tries = 2;     ///< at least 1; a server that accepts no connection is asked once
  std::chrono::milliseconds pause{1000};    ///< between two tries
  std::chrono::milliseconds timeout{2000};  ///< of one try
};
/// Queries a memcached server; nothing is written to it. `key`: as in memcache_request(). `limit`:
/// of all tries; a try that would begin later is left out. Errors as above, of the last try.
Task<TableReply> ask_memcache(MemcacheServer server, std::string key,
                              std::chrono::milliseconds limit);

}  // namespace postern::net
