// One HTTP request that waits for its answer: the command line asking the gateway on its own
// machine. Not for anything from outside: no guard, no TLS.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace postern::net {

struct LocalHttpRequest {
  std::string method = "GET";
  std::string url;   ///< http://ADDRESS:PORT/...
  Secret bearer;     ///< sent as Authorization
  std::string body;  ///< JSON; empty: none
};

struct LocalHttpAnswer {
  int status = 0;
  std::string body;  ///< at most 64 MiB; empty when it went to the sink
};

/// Waits 5 s for the connection, and for the answer as long as it takes. `sink` gets the body of a
/// 200 in pieces, and ends the request by returning false. Faults: not_found (nobody took the
/// connection, so nobody was asked), temporary (it ended early: what was asked may have been done),
/// malformed (no such URL).
Result<LocalHttpAnswer> local_http(const LocalHttpRequest& request,
                                   const std::function<bool(std::string_view)>& sink = {});

}  // namespace postern::net
