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

/// Asked before a body larger than HttpLimits::small_body is read, with the request's head alone.
/// What it returns is the answer, and the body is not read; nullopt lets the body come.
using HttpGate = std::function<Task<std::optional<HttpResponse>>(const HttpRequest& head)>;

class HttpServer {
 public:
  /// `loop` must outlive the server; it runs the handler and the gate. Stop before their owner
  /// goes. Without a gate every body is let in.
  HttpServer(boost::asio::io_context& loop, HttpHandler handler, HttpLimits limits = {},
             HttpGate gate = {});
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
