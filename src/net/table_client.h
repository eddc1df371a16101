// Look-ups in tables of other programs over a connection of their own: tcp_table(5) and
// socketmap_table(5) of Postfix.
#pragma once

#include <chrono>
#include <string>

#include "base/task.h"
#include "net/table_protocols.h"

namespace postern::net {

/// `service` as exchange() has it.
Task<TableReply> ask_tcp_table(std::string service, std::string key,
                               std::chrono::milliseconds limit);
Task<TableReply> ask_socketmap(std::string service, std::string map, std::string key,
                               std::chrono::milliseconds limit);

}  // namespace postern::net
