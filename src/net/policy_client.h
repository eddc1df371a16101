#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

/// Sends a request of Postfix's policy delegation protocol. `service`: inet:host:port (an address
/// or localhost) or unix:/path. `request`: attribute lines and the final empty line. Returns the
/// text after `action=`; the answer has at most 4 KiB. Fault::malformed: a bad service or answer.
/// Fault::temporary: no connection, or no answer within `limit`.
Task<Result<std::string>> ask_policy_server(std::string service, std::string request,
                                            std::chrono::milliseconds limit);

}  // namespace postern::net
