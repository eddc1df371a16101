// Outgoing HTTP: a request to an address that was checked. libcurl stays inside.
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

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpClientOptions {
  EgressRules egress;
  std::string user_agent = "Postern";
  /// For name resolution, and again for TCP and TLS together.
  std::chrono::milliseconds connect_timeout{5000};
  /// How long a response body is waited for once its header is there; it is only read so that the
  /// connection can be used again.
  std::chrono::milliseconds body_timeout{2000};
  std::size_t response_limit = 64 * 1024;  ///< octets of a response body; the rest is cut
  std::size_t idle_connections = 64;       ///< kept open for re-use
  std::string ca_file;                     ///< PEM; empty: the system's certificate store
};

/// The octets of a request body, read where they are; what `read` refers to outlives the request.
struct HttpBody {
  std::uint64_t size = 0;
  /// Fills `into` from `offset` on; returns how many octets, 0 only at the end.
  std::function<std::size_t(std::uint64_t offset, std::span<char> into)> read;

  static HttpBody of(std::string text);
};

struct OutgoingRequest {
  std::string url;
  HttpHeaders headers;
  HttpBody body;
  std::chrono::milliseconds timeout{30000};  ///< in all, name resolution included
  /// Capitals and hyphens only. GET is sent without a body, everything else with the one above.
  std::string method = "POST";
  /// Octets of the response's body; less than HttpClientOptions::response_limit allows or more.
  std::optional<std::size_t> response_limit;
};

/// Why there is no response.
enum class HttpTrouble {
  none,
  blocked,      ///< the SSRF guard
  unresolved,   ///< no address, or DNS trouble
  unreachable,  ///< no connection
  exhausted,    ///< no connection, because this machine has no descriptor or buffer left
  tls,          ///< handshake or certificate
  timeout,
  broken,  ///< the connection ended, or what came is not HTTP
};

struct HttpResult {
  HttpTrouble trouble = HttpTrouble::none;
  std::string detail;   ///< for the log, when there is trouble
  int status = 0;       ///< 0 with trouble
  HttpHeaders headers;  ///< as received; blanks behind a value are kept
  std::string body;
  /// What Retry-After says, from now on; nullopt without.
  std::optional<std::chrono::seconds> retry_after;
  bool body_cut = false;  ///< longer or slower than allowed, or the connection ended inside it

  /// Every value of the field, names compared without regard to case.
  std::vector<std::string> values(std::string_view name) const;
};

/// One for each event loop: it keeps its connections there, and send() is called there. Redirects
/// are not followed, no proxy and no cookie is used, certificates are always verified, a request
/// with a body is never repeated. Names are resolved by `resolver`, once a request; one refused
/// address refuses the name, and only the addresses checked are connected to.
class HttpClient {
 public:
  /// `resolver` outlives the client.
  HttpClient(boost::asio::any_io_executor executor, dns::Resolver& resolver,
             HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Not while the client is destroyed; a coroutine that is destroyed in here ends its request.
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

/// A client for each event loop, made when it is first asked for there. Thread-safe. Destroyed
/// after the loops have stopped and before they are destroyed.
class HttpClients {
 public:
  /// `resolver` outlives them.
  HttpClients(dns::Resolver& resolver, HttpClientOptions options)
      : resolver_(resolver), options_(std::move(options)) {}
  /// That of the loop, an io_context, which `executor` runs on.
  HttpClient& of(const boost::asio::any_io_executor& executor);

 private:
  dns::Resolver& resolver_;
  const HttpClientOptions options_;
  std::shared_mutex mutex_;  ///< guards the map, not the clients
  std::unordered_map<boost::asio::execution_context*, std::unique_ptr<HttpClient>> clients_;
};

}  // namespace postern::net
