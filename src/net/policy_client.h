#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

/// Asks a server of Postfix's policy delegation protocol. `service`: inet:host:port (an address, or
/// localhost) or unix:/path. `request`: attribute lines with the empty line at the end. The answer
/// is what stands behind `action=`, at most 4 KiB.
/// Fault::malformed (service, answer), Fault::temporary (no connection, no answer within `limit`).
Task<Result<std::string>> ask_policy_server(std::string service, std::string request,
                                            std::chrono::milliseconds limit);

}  // namespace postern::net
