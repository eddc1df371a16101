// Lookups in tables of other programs, each on a new connection: tcp_table(5) and
// socketmap_table(5) of Postfix.
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

}  // namespace postern::net
