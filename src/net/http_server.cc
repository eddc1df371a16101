#include "net/http_server.h"

#include <ctime>
#include <mutex>
#include <set>

#include <netinet/tcp.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "base/ip.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/time_text.h"
#include "net/duplicate_acceptor.h"
#include "net/forwarded.h"
#include "net/http_head.h"
#include "net/http_shares.h"
#include "net/http_stream.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

/// The client of a rejected request may still send. This much is read and discarded before closing;
/// otherwise a reset could destroy the answer in the client's kernel (RFC 9112 §9.6).
constexpr std::size_t drain_octets = std::size_t{8} << 20;
constexpr std::chrono::seconds drain_deadline{3};

/// A client that vanishes without closing the connection is dropped after this time.
constexpr unsigned silent_milliseconds = 30'000;
constexpr int silent_seconds = 15;

IpAddress to_ip(const asio::ip::address& address) {
  if (address.is_v4()) return IpAddress::v4(address.to_v4().to_uint());
  return IpAddress::v6(address.to_v6().to_bytes());
}

struct HttpConnection : HttpShares::Seat, std::enable_shared_from_this<HttpConnection> {
  explicit HttpConnection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  IpAddress peer;
  // For the stream's executor only:
  bool idle = true;      ///< no octet of a request has arrived
  bool endless = false;  ///< the answer may take unlimited time to come or to end
  std::chrono::steady_clock::time_point begun;  ///< when the first octet of the request arrived

  std::string_view received() const {
    return {static_cast<const char*>(buffer.data().data()), buffer.data().size()};
  }
};

/// The result of reading: a request, a rejection, or a closed connection.
struct Incoming {
  HttpHead head;
  std::optional<HttpFault> fault;
  std::optional<HttpResponse> refusal;  ///< by the gate
  bool gone = false;
  bool answered = false;
  bool is_large = false;  ///< the body has its share

  bool failed() const { return fault || refusal || gone; }
};

/// The amount that each write deadline covers.
constexpr std::size_t written_at_a_time = std::size_t{64} << 10;

HttpResponse::Stream in_pieces(std::string body) {
  const std::size_t size = body.size();
  auto next = [body = std::move(body), at = std::size_t{0}]() mutable -> Task<Result<std::string>> {
    std::string piece = body.substr(at, written_at_a_time);
    at += piece.size();
    co_return piece;
  };
  return {.size = size, .next = std::move(next)};
}

bool has_no_length(const HttpResponse& response) {
  return response.stream && !response.stream->size;
}

HttpResponse to_response(const HttpFault& fault) {
  HttpResponse response;
  response.status = fault.status;
  if (fault.status == 429 || fault.status == 503) response.headers.emplace_back("Retry-After", "1");
  response.body = "{\"error\":\"" + fault.sentence + "\",\"code\":\"" + fault.code + "\"}";
  if (fault.status == 405) response.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE");
  return response;
}

/// Detects clients that vanished: while the server waits, and while the client should read.
void watch_for_silence(tcp::socket& socket) {
  const int fd = socket.native_handle();
  const int on = 1, probes = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silent_seconds, sizeof silent_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &silent_seconds, sizeof silent_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_milliseconds, sizeof silent_milliseconds);
  // Makes the kernel report space after every 64 KiB read, not after a third of its buffer.
  const int unsent = 2 * static_cast<int>(written_at_a_time);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

HttpFault no_place(HttpShares::Verdict verdict) {
  if (verdict == HttpShares::Verdict::too_many) {
    return {429, "rate_limited", "too many requests at a time from this address"};
  }
  return {503, "unavailable", "the server is busy; try again in a moment"};
}

/// Whether it was admitted.
bool judge(HttpShares::Verdict verdict, Incoming& in) {
  if (verdict == HttpShares::Verdict::admitted) return true;
  if (verdict == HttpShares::Verdict::lost) {
    in.gone = true;
  } else {
    in.fault = no_place(verdict);
  }
  return false;
}

}  // namespace

struct HttpServer::Shared : std::enable_shared_from_this<HttpServer::Shared> {
  Shared(asio::io_context& l, HttpHandler h, HttpLimits m, HttpGate g)
      : loop(l), handler(std::move(h)), gate(std::move(g)), limits(std::move(m)), shares(limits) {}

  asio::io_context& loop;
  HttpHandler handler;
  HttpGate gate;
  HttpLimits limits;
  mutable std::mutex mutex;  ///< guards the next four
  bool stopping = false;
  std::set<std::shared_ptr<tcp::acceptor>> acceptors;
  std::set<std::shared_ptr<HttpConnection>> connections;
  HttpShares shares;

  bool is_stopping() const {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  bool enter(const std::shared_ptr<HttpConnection>& connection) {
    const std::lock_guard lock(mutex);
    HttpShares::Seat* out = nullptr;
    if (stopping || !shares.enter(*connection, subscriber_key(connection->peer), out)) return false;
    connections.insert(connection);
    if (out != nullptr) {
      const auto loser = static_cast<HttpConnection*>(out)->shared_from_this();
      asio::post(loser->stream.get_executor(), [loser] { loser->stream.close(); });
    }
    return true;
  }
  void leave(const std::shared_ptr<HttpConnection>& connection) {
    const std::lock_guard lock(mutex);
    shares.leave(*connection);
    connections.erase(connection);
  }
  std::string counted_client(const HttpConnection& connection, const HttpHead& head) const {
    return subscriber_key(client_of(head.request.headers, connection.peer, limits.trusted_proxies));
  }
  /// Claims a place for a request; false: `in` says why not.
  bool begin(HttpConnection& connection, Incoming& in) {
    const std::string client = counted_client(connection, in.head);
    const std::lock_guard lock(mutex);
    return judge(
        shares.begin(connection, {.client = client,
                                  .has_body = in.head.chunked || in.head.content_length != 0,
                                  .path = in.head.request.path}),
        in);
  }
  void pause(HttpConnection& connection) {
    const std::lock_guard lock(mutex);
    shares.pause(connection);
  }
  void end(HttpConnection& connection) {
    const std::lock_guard lock(mutex);
    shares.end(connection);
  }
  /// Claims octets for a body; false: `in` says why not.
  bool take_body(HttpConnection& connection, Incoming& in, std::uint64_t octets) {
    const std::string client = counted_client(connection, in.head);
    const std::lock_guard lock(mutex);
    return judge(shares.take_body(connection, client, octets), in);
  }
  HttpShares::Verdict take_answer(HttpConnection& connection, std::uint64_t octets) {
    const std::lock_guard lock(mutex);
    return shares.take_answer(connection, octets);
  }

  Task<void> read_head(HttpConnection& connection, Incoming& in);
  /// Asks whether a body of `octets` may be read.
  Task<void> admit_large(HttpConnection& connection, Incoming& in, std::uint64_t octets);
  Task<void> read_body(HttpConnection& connection, Incoming& in);
  Task<HttpResponse> answer(HttpRequest request);
  Task<bool> write(HttpConnection& connection, HttpResponse response, const HttpHead& head,
                   bool keep_alive);
  Task<bool> write_body(HttpConnection& connection, const HttpResponse::Stream& body, bool chunked);
  Task<void> drain(HttpConnection& connection);
  Task<void> gone(HttpConnection& connection);
  /// True: another request may follow.
  Task<bool> serve_one(HttpConnection& connection, Incoming& in);
  Task<void> refuse(HttpConnection& connection, HttpResponse refusal, const HttpHead& head);
  Task<void> converse(HttpConnection& connection);
};

Task<void> HttpServer::Shared::read_head(HttpConnection& connection, Incoming& in) {
  connection.idle = connection.buffer.size() == 0;
  connection.begun = std::chrono::steady_clock::now();
  connection.stream.expires_after(connection.idle ? limits.idle_deadline : limits.head_deadline);
  for (;;) {
    const HeadProgress progress = scan_head(connection.received());
    if (progress.fault || progress.length != 0) {
      in.fault = progress.fault;
      if (!in.fault)
        in.fault = parse_head(connection.received().substr(0, progress.length), in.head);
      co_return;
    }
    error_code error;
    const std::size_t n = co_await connection.stream.async_read_some(
        connection.buffer.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      in.gone = true;
      co_return;
    }
    connection.buffer.commit(n);
    if (connection.idle) {
      connection.begun = std::chrono::steady_clock::now();
      connection.stream.expires_after(limits.head_deadline);
    }
    connection.idle = false;
  }
}

Task<void> HttpServer::Shared::admit_large(HttpConnection& connection, Incoming& in,
                                           std::uint64_t octets) {
  in.is_large = true;
  // The gate works for the client, and needs a place; the body, which may come slowly, needs none.
  if (!begin(connection, in)) co_return;
  try {
    if (gate) in.refusal = co_await gate(in.head.request);
  } catch (const std::exception&) {
    in.refusal = to_response({500, "internal", "internal error"});
  }
  pause(connection);
  if (!in.refusal) (void)take_body(connection, in, octets);
}

Task<void> HttpServer::Shared::read_body(HttpConnection& connection, Incoming& in) {
  using Clock = std::chrono::steady_clock;
  if (in.head.content_length > limits.small_body)
    co_await admit_large(connection, in, in.head.content_length);
  if (in.failed()) co_return;
  // One deadline for the whole request: a client cannot extend it by sending slowly.
  const Clock::time_point last = connection.begun + limits.request_deadline;
  connection.stream.expires_at(last);
  if (in.head.expects_continue) {
    error_code error;
    co_await asio::async_write(connection.stream, asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      in.gone = true;
      co_return;
    }
  }
  // Beast parses the head again, and the body with its chunks.
  http::request_parser<http::string_body> parser;
  parser.header_limit(2 * max_request_head);
  parser.body_limit(limits.body);
  parser.eager(true);
  error_code error;
  std::size_t came = limits.body_progress;
  while (!error && !parser.is_done()) {
    if (came >= limits.body_progress) {
      came = 0;
      connection.stream.expires_at(std::min(last, Clock::now() + limits.body_deadline));
    }
    came += co_await http::async_read_some(connection.stream, connection.buffer, parser,
                                           asio::redirect_error(asio::use_awaitable, error));
    if (!error && !in.is_large && parser.get().body().size() > limits.small_body)
      co_await admit_large(connection, in, limits.body);
    if (in.failed()) co_return;
  }
  if (error == http::error::body_limit) {
    in.fault = HttpFault{413, "body_too_large", "the body is larger than 1 MiB"};
  } else if (error &&
             error.category() == http::make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    in.fault = HttpFault{400, "bad_request", "the request is malformed"};
  } else if (error) {
    in.gone = true;
  } else {
    in.head.request.body = std::move(parser.get().body());
  }
}

Task<HttpResponse> HttpServer::Shared::answer(HttpRequest request) {
  try {
    HttpResponse response = co_await handler(std::move(request));
    co_return response;
  } catch (const std::exception&) {
    co_return to_response({500, "internal", "internal error"});
  }
}

Task<bool> HttpServer::Shared::write(HttpConnection& connection, HttpResponse response,
                                     const HttpHead& head, bool keep_alive) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::date, http_date(std::chrono::system_clock::now()));
  message.set("X-Content-Type-Options", "nosniff");
  message.set("Referrer-Policy", "no-referrer");
  message.set(http::field::cache_control, "no-store");
  message.set("Content-Security-Policy",
              "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
              "object-src 'none'");
  for (const auto& [name, value] : response.headers) {
    // A line end in a value would start another header field; valid values have none.
    if (value.find_first_of("\r\n") != std::string::npos) continue;
    if (iequals(name, "Set-Cookie")) {
      message.insert(name, value);
    } else {
      message.set(name, value);
    }
  }
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!response.stream && response.body.size() > written_at_a_time)
    response.stream = in_pieces(std::move(response.body));
  const bool chunked = has_no_length(response) && !head.http_1_0;
  if (!bodiless) {
    if (!response.content_type.empty())
      message.set(http::field::content_type, response.content_type);
    if (chunked) {
      message.chunked(true);
    } else if (!has_no_length(response)) {
      message.content_length(response.stream ? *response.stream->size : response.body.size());
    }
    if (!head.head_only) message.body() = std::move(response.body);
  }
  message.set(http::field::connection, keep_alive ? "keep-alive" : "close");
  connection.stream.expires_after(limits.write_deadline);
  error_code error;
  if (response.stream && !bodiless) {
    http::response_serializer<http::string_body> serializer(message);
    co_await http::async_write_header(connection.stream, serializer,
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    const bool whole = head.head_only || co_await write_body(connection, *response.stream, chunked);
    co_return whole;
  }
  co_await http::async_write(connection.stream, message,
                             asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

Task<bool> HttpServer::Shared::write_body(HttpConnection& connection,
                                          const HttpResponse::Stream& body, bool chunked) {
  BodyWriter writer(connection.stream, connection.buffer, limits.write_deadline);
  if (body.size) {
    const bool whole = co_await writer.write_sized(body);
    co_return whole;
  }
  connection.endless = true;
  // An earlier stop() has not closed the connection.
  const bool whole = !is_stopping() && co_await writer.write_until_end(body, chunked);
  connection.endless = false;
  // RFC 9112 §8: without length and chunks, an orderly close means a complete body.
  if (!whole && !chunked) {
    error_code ignored;
    connection.stream.socket().set_option(asio::socket_base::linger(true, 0), ignored);
  }
  co_return whole;
}

Task<void> HttpServer::Shared::drain(HttpConnection& connection) {
  error_code error;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, error);
  connection.stream.expires_after(drain_deadline);
  for (std::size_t total = 0; !error && total < drain_octets;) {
    connection.buffer.clear();
    total += co_await connection.stream.async_read_some(
        connection.buffer.prepare(65536), asio::redirect_error(asio::use_awaitable, error));
  }
}

Task<void> HttpServer::Shared::gone(HttpConnection& connection) {
  struct Endless {
    explicit Endless(HttpConnection& c) : connection(c) { connection.endless = true; }
    ~Endless() { connection.endless = false; }
    HttpConnection& connection;
  };
  const Endless endless(connection);
  // An earlier stop() has not closed the connection.
  if (is_stopping()) co_return;
  const bool closed = co_await watch_client(connection.stream, connection.buffer);
  // RFC 9112 §9.3.2: clients may pipeline. Requests that are not read yet are not a close.
  if (!closed) co_await watch_for_close(connection.stream);
}

/// After a rejected head the start of the next request is unknown: close (RFC 9112 §9.6).
Task<void> HttpServer::Shared::refuse(HttpConnection& connection, HttpResponse refusal,
                                      const HttpHead& head) {
  co_await write(connection, std::move(refusal), head, false);
  co_await drain(connection);
}

Task<bool> HttpServer::Shared::serve_one(HttpConnection& connection, Incoming& in) {
  in.head.request.peer = connection.peer;
  co_await read_body(connection, in);
  if (in.failed() || !begin(connection, in)) co_return false;
  in.head.request.gone = [this, &connection]() -> Task<void> { return gone(connection); };
  connection.stream.expires_never();
  const bool changes_nothing = in.head.request.method == "GET";
  HttpResponse response = co_await answer(std::move(in.head.request));
  if (response.body.size() > limits.small_body) {
    const HttpShares::Verdict verdict = take_answer(connection, response.body.size());
    if (verdict != HttpShares::Verdict::admitted && changes_nothing)
      response = to_response(no_place(verdict));
  }
  // HTTP/1.0 without length: closing ends the body (RFC 9112 §6.3).
  const bool by_close = has_no_length(response) && in.head.http_1_0;
  const bool keep = in.head.keep_alive && !by_close && !is_stopping();
  in.answered = co_await write(connection, std::move(response), in.head, keep);
  co_return keep&& in.answered;
}

Task<void> HttpServer::Shared::converse(HttpConnection& connection) {
  for (;;) {
    Incoming in;
    co_await read_head(connection, in);
    if (in.gone) co_return;
    if (!in.fault && in.head.content_length > limits.body)
      in.fault = HttpFault{413, "body_too_large", "the body is larger than 1 MiB"};
    bool keep = false;
    if (!in.fault) {
      keep = co_await serve_one(connection, in);
      end(connection);
    }
    if (in.gone) co_return;
    if (keep) continue;
    if (in.fault) in.refusal = to_response(*in.fault);
    if (in.refusal) co_await refuse(connection, std::move(*in.refusal), in.head);
    if (in.answered) co_await drain(connection);
    co_return;
  }
}

namespace {

template <class Shared>
Task<void> serve(std::shared_ptr<Shared> shared, std::shared_ptr<HttpConnection> connection) {
  try {
    co_await shared->converse(*connection);
  } catch (...) {
    connection->stream.close();  // memory or a library failed: end this connection only
  }
  shared->leave(connection);
}

template <class Shared>
Task<void> accept(std::shared_ptr<Shared> shared, std::shared_ptr<tcp::acceptor> acceptor) {
  while (!shared->is_stopping()) {
    error_code error;
    const asio::any_io_executor executor = asio::make_strand(shared->loop);
    tcp::socket socket =
        co_await acceptor->async_accept(executor, asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor->is_open()) co_return;
    if (error == asio::error::connection_aborted) continue;  // the next one may be waiting
    if (error) {
      // Out of descriptors or memory: pause, to avoid a busy loop.
      asio::steady_timer pause(shared->loop, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);
    watch_for_silence(socket);
    const tcp::endpoint peer = socket.remote_endpoint(error);
    if (error) continue;
    auto connection = std::make_shared<HttpConnection>(std::move(socket));
    connection->peer = to_ip(peer.address());
    if (!shared->enter(connection)) continue;
    asio::co_spawn(executor, serve(shared, connection), asio::detached);
  }
}

/// Accepts connections of a listening acceptor; its port.
template <class Shared>
std::uint16_t serve_on(const std::shared_ptr<Shared>& shared,
                       const std::shared_ptr<tcp::acceptor>& acceptor) {
  error_code none;
  const std::uint16_t port = acceptor->local_endpoint(none).port();
  {
    const std::lock_guard lock(shared->mutex);
    shared->acceptors.insert(acceptor);
  }
  asio::co_spawn(shared->loop, accept(shared, acceptor), asio::detached);
  return port;
}

Fault fault_of(const error_code& error) {
  if (error == asio::error::address_in_use) return Fault::conflict;
  if (error == asio::error::access_denied) return Fault::denied;
  return Fault::permanent;
}

}  // namespace

HttpServer::HttpServer(asio::io_context& loop, HttpHandler handler, HttpLimits limits,
                       HttpGate gate)
    : shared_(
          std::make_shared<Shared>(loop, std::move(handler), std::move(limits), std::move(gate))) {}

HttpServer::~HttpServer() { stop(); }

Result<std::uint16_t> HttpServer::listen(const std::string& address) {
  const auto parsed = parse_address_and_port(address);
  if (!parsed) return fail(Fault::malformed, "not an address and port: " + printable(address));
  const asio::ip::address ip = asio::ip::make_address(parsed->address.to_string());
  const tcp::endpoint endpoint(ip, parsed->port);
  error_code error;
  auto acceptor = std::make_shared<tcp::acceptor>(shared_->loop);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && ip.is_v6()) acceptor->set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->set_option(asio::socket_base::enable_connection_aborted(true), error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(fault_of(error), address + ": " + error.message());
  return serve_on(shared_, acceptor);
}

Result<std::uint16_t> HttpServer::listen(const std::vector<int>& descriptors) {
  std::uint16_t port = 0;
  for (const int descriptor : descriptors) {
    const auto acceptor = duplicate_acceptor(shared_->loop, descriptor);
    if (!acceptor) return tl::unexpected(acceptor.error());
    error_code error;
    (*acceptor)->set_option(asio::socket_base::enable_connection_aborted(true), error);
    if (error) return fail(fault_of(error), error.message());
    port = serve_on(shared_, *acceptor);
  }
  return port;
}

void HttpServer::stop() {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping) return;
  shared_->stopping = true;
  for (const auto& acceptor : shared_->acceptors) {
    asio::post(acceptor->get_executor(), [acceptor] {
      error_code ignored;
      acceptor->close(ignored);
    });
  }
  shared_->acceptors.clear();
  for (const auto& connection : shared_->connections) {
    asio::post(connection->stream.get_executor(), [connection] {
      if (connection->idle || connection->endless) connection->stream.close();
    });
  }
}

std::size_t HttpServer::connections() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->shares.connections();
}

std::size_t HttpServer::requests() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->shares.requests();
}

}  // namespace postern::net
