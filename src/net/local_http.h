// A blocking HTTP request of the command line to the gateway on the same machine. Not for other
// targets: it has no SSRF guard and no TLS.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace postern::net {

/// One request.
struct LocalHttpRequest {
  /// "GET", "POST", ...
  std::string method = "GET";
  std::string url;   ///< http://ADDRESS:PORT/...
  Secret bearer;     ///< sent as `Authorization: Bearer`
  std::string body;  ///< JSON; empty: no body
};

/// The response.
struct LocalHttpAnswer {
  /// The status code.
  int status = 0;
  std::string body;  ///< at most 64 MiB; empty if `sink` got it
};

/// Waits 5 s for the connection, and for the response without limit. `sink` gets the body of a 200
/// in pieces; it ends the request by returning false. Fault::not_found: no connection, so nothing
/// was done. Fault::temporary: the connection was lost; the request may have been executed.
/// Fault::malformed: not such a URL.
Result<LocalHttpAnswer> local_http(const LocalHttpRequest& request,
                                   const std::function<bool(std::string_view)>& sink = {});

}  // namespace postern::net
