#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

/// How many octets of what has come make up the whole answer; 0: more is to come.
using AnswerSize = std::size_t (*)(std::string_view so_far);

/// Sends one request to a server of this network and reads one answer, of at most `most` octets, on
/// a connection of its own. `service`: inet:host:port (an address, or localhost) or unix:/path.
/// Fault::malformed (service, answer too long), Fault::temporary (no connection, no answer within
/// `limit`).
Task<Result<std::string>> exchange(std::string service, std::string request, AnswerSize size_of,
                                   std::size_t most, std::chrono::milliseconds limit);

}  // namespace postern::net
