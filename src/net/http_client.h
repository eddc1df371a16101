// Outgoing HTTP requests to checked addresses. libcurl is not visible in this header.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include "base/ip.h"
#include "base/task.h"
#include "dns/resolver.h"
#include "net/http_target.h"

namespace postern::net {

/// Names and values, in order.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Options of one client.
struct HttpClientOptions {
  /// Which addresses may be connected to.
  EgressRules egress;
  /// The User-Agent field.
  std::string user_agent = "Postern";
  /// The time limit of name resolution, and again of TCP and TLS together.
  std::chrono::milliseconds connect_timeout{5000};
  /// The time limit of the response body after its header. The body is only read so that the
  /// connection can be reused.
  std::chrono::milliseconds body_timeout{2000};
  std::size_t response_limit = 64 * 1024;  ///< octets of a response body; the rest is discarded
  std::size_t idle_connections = 64;       ///< kept open for reuse
  std::string ca_file;                     ///< PEM file; empty: the system's certificate store
};

/// A request body, read in pieces; what `read` refers to must outlive the request.
struct HttpBody {
  /// Octets.
  std::uint64_t size = 0;
  /// Fills `into` from `offset` on; returns the number of octets, 0 only at the end.
  std::function<std::size_t(std::uint64_t offset, std::span<char> into)> read;

  /// A body from a string.
  static HttpBody of(std::string text);
};

/// One request.
struct OutgoingRequest {
  /// http or https; checked by parse_target().
  std::string url;
  /// Added to those that the client sets.
  HttpHeaders headers;
  /// Not sent with GET.
  HttpBody body;
  std::chrono::milliseconds timeout{30000};  ///< for the whole request, including name resolution
  /// Capitals and hyphens only.
  std::string method = "POST";
  /// Octets of the response body; overrides HttpClientOptions::response_limit.
  std::optional<std::size_t> response_limit;
};

/// Why there is no response.
enum class HttpTrouble {
  none,
  blocked,      ///< by the SSRF guard
  unresolved,   ///< no address, or a DNS failure
  unreachable,  ///< no connection
  exhausted,    ///< no connection: this machine is out of descriptors or buffers
  tls,          ///< handshake or certificate
  timeout,
  broken,  ///< the connection was lost, or the response is not HTTP
};

/// A response, or the reason for having none.
struct HttpResult {
  /// `none`: there is a response.
  HttpTrouble trouble = HttpTrouble::none;
  std::string detail;   ///< for the log; empty: no trouble
  int status = 0;       ///< 0: no response
  HttpHeaders headers;  ///< as received; trailing blanks of values are kept
  /// At most the response limit.
  std::string body;
  /// Retry-After (RFC 9110 §10.2.3), counted from now; nullopt: absent.
  std::optional<std::chrono::seconds> retry_after;
  bool body_cut = false;  ///< too long, too slow, or the connection was lost in it

  /// All values of a field; names are compared without case.
  std::vector<std::string> values(std::string_view name) const;
};

/// An HTTP client for one event loop, which owns its connections; call send() on that loop. It
/// follows no redirects, uses no proxy and no cookies, always verifies certificates, and never
/// repeats a request with a body. `resolver` resolves the name once per request. If any address of
/// a name is refused, the name is; connections are made to checked addresses only.
class HttpClient {
 public:
  /// `resolver` outlives the client.
  HttpClient(boost::asio::any_io_executor executor, dns::Resolver& resolver,
             HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends a request and waits for the response. Destroying the waiting coroutine cancels the
  /// request. The client must outlive the call.
  Task<HttpResult> send(OutgoingRequest request);

 private:
  class Loop;
  struct Transfer;

  Task<Result<std::vector<IpAddress>>> addresses_of(HttpTarget target,
                                                    std::chrono::milliseconds limit,
                                                    HttpTrouble* trouble);

  HttpClientOptions options_;
  dns::Resolver& resolver_;
  std::shared_ptr<Loop> loop_;
};

/// One client per event loop, created on first use. Thread-safe. Destroy it after the loops have
/// stopped and before they are destroyed.
class HttpClients {
 public:
  /// `resolver` outlives this object.
  HttpClients(dns::Resolver& resolver, HttpClientOptions options)
      : resolver_(resolver), options_(std::move(options)) {}
  /// The client of the loop (an io_context) of `executor`.
  HttpClient& of(const boost::asio::any_io_executor& executor);

 private:
  dns::Resolver& resolver_;
  const HttpClientOptions options_;
  std::shared_mutex mutex_;  ///< guards the map, not the clients
  std::unordered_map<boost::asio::execution_context*, std::unique_ptr<HttpClient>> clients_;
};

}  // namespace postern::net
