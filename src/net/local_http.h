// A blocking HTTP request to where the operator of the gateway says: to the gateway on the same
// machine, or to what manages its database. Not for other targets: it has no SSRF guard.
#pragma once

#include <chrono>
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
  Secret bearer;     ///< sent as `Authorization: Bearer`; empty: nothing is
  std::string body;  ///< JSON; empty: no body
  bool tls = false;  ///< https is taken, too
  /// For all of it, 0: without limit.
  std::chrono::milliseconds timeout{0};
};

/// The response.
struct LocalHttpAnswer {
  /// The status code.
  int status = 0;
  std::string body;  ///< at most 64 MiB; empty if `sink` got it
};

/// Waits 5 s for the connection, and for the response up to the time limit. `sink` gets the body of
/// a 200 in pieces; it ends the request by returning false. Fault::not_found: no connection, so
/// nothing was done. Fault::temporary: the connection was lost, or the time was over; the request
/// may have been executed. Fault::malformed: not such a URL.
Result<LocalHttpAnswer> local_http(const LocalHttpRequest& request,
                                   const std::function<bool(std::string_view)>& sink = {});

}  // namespace postern::net
