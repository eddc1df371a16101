// The HTTP server of the control plane: strict framing, limits and deadlines, the security headers
// of every answer. What the requests mean is the handler's business.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_limits.h"
#include "net/http_message.h"

namespace boost::asio {
class io_context;
}

namespace postern::net {

class HttpServer {
 public:
  /// `loop` must outlive the server; it runs the handler. Stop before the handler's owner goes.
  HttpServer(boost::asio::io_context& loop, HttpHandler handler, HttpLimits limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Opens `address:port` ("127.0.0.1:8025", "[::1]:0") and returns the port. Faults: malformed
  /// (no such address form), conflict (in use), denied (no right), permanent. May be called again
  /// for more addresses. Nothing is accepted before the loop runs.
  Result<std::uint16_t> listen(const std::string& address);

  /// Closes the listeners, idle connections and answers without a length; other requests in hand
  /// are answered, then closed. Safe from any thread.
  void stop();
  std::size_t connections() const;
  /// In hand, beside those that the reserve holds.
  std::size_t requests() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace postern::net
