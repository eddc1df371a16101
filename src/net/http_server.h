// The HTTP server of the control plane: strict parsing, limits, deadlines, and security headers in
// every answer. The handler implements the requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/http_limits.h"
#include "net/http_message.h"

namespace boost::asio {
class io_context;
}

namespace postern::net {

/// Decides on a body larger than HttpLimits::small_body before it is read, from the request's head.
/// A response rejects the body and is sent; nullopt accepts the body.
using HttpGate = std::function<Task<std::optional<HttpResponse>>(const HttpRequest& head)>;

/// Accepts connections on any number of addresses.
class HttpServer {
 public:
  /// The handler and the gate run on `loop`, which must outlive the server. Call stop() before
  /// their owner is destroyed. Without a gate every body is accepted.
  HttpServer(boost::asio::io_context& loop, HttpHandler handler, HttpLimits limits = {},
             HttpGate gate = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Opens `address:port` ("127.0.0.1:8025", "[::1]:0") and returns the port. May be called for
  /// several addresses. Connections are accepted once the loop runs. Fault::malformed: not an
  /// address; conflict: in use; denied: no permission; permanent: another error.
  Result<std::uint16_t> listen(const std::string& address);
  /// The same with TCP sockets that listen already; they are duplicated, and stay the caller's.
  /// Returns the port of the last one.
  Result<std::uint16_t> listen(const std::vector<int>& descriptors);

  /// Closes the listeners, idle connections and answers without a length. Other requests in
  /// progress are answered, then closed. Thread-safe.
  void stop();
  /// Open connections. Thread-safe.
  std::size_t connections() const;
  /// Requests in progress, without those in the reserve. Thread-safe.
  std::size_t requests() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace postern::net
