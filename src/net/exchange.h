#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"

namespace postern::net {

/// The length of the complete answer in octets; 0: more octets are needed.
using AnswerSize = std::function<std::size_t(std::string_view so_far)>;

/// Sends one request to a local server on a new connection and reads one answer of at most `most`
/// octets. `service`: inet:host:port (an address or a name that the system resolves) or unix:/path.
/// Fault::malformed: a bad service, or the answer is too long. Fault::not_found: no address, or no
/// connection within `limit`. Fault::temporary: no answer within `limit`.
Task<Result<std::string>> exchange(std::string service, std::string request, AnswerSize size_of,
                                   std::size_t most, std::chrono::milliseconds limit);

}  // namespace postern::net
