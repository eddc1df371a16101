#include "net/exchange.h"

#include <boost/asio.hpp>

#include "base/ip.h"

namespace postern::net {

namespace asio = boost::asio;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
using Endpoint = asio::generic::stream_protocol::endpoint;
using Socket = asio::generic::stream_protocol::socket;

Result<Endpoint> endpoint_of(const std::string& service) {
  if (service.starts_with("unix:")) {
    try {
      return Endpoint(asio::local::stream_protocol::endpoint(service.substr(5)));
    } catch (const boost::system::system_error& error) {  // the path is too long for the system
      return fail(Fault::malformed, service + ": " + error.code().message());
    }
  }
  std::string host = service.starts_with("inet:") ? service.substr(5) : service;
  if (constexpr std::string_view local = "localhost:"; host.starts_with(local))
    host.replace(0, local.size(), "127.0.0.1:");
  const auto parsed = parse_address_and_port(host);
  if (!parsed || parsed->port == 0) {
    return fail(Fault::malformed, service + ": write inet:address:port or unix:/path");
  }
  return Endpoint(
      asio::ip::tcp::endpoint(asio::ip::make_address(parsed->address.to_string()), parsed->port));
}

/// Shared with the timer's handler, which may outlive the coroutine.
struct Connection {
  explicit Connection(const asio::any_io_executor& executor) : socket(executor), timer(executor) {}
  Socket socket;
  asio::steady_timer timer;
  bool late = false;
};

}  // namespace

Task<Result<std::string>> exchange(std::string service, std::string request, AnswerSize size_of,
                                   std::size_t most, std::chrono::milliseconds limit) {
  const Result<Endpoint> endpoint = endpoint_of(service);
  if (!endpoint) co_return tl::unexpected(endpoint.error());
  const auto executor = co_await asio::this_coro::executor;
  const auto connection = std::make_shared<Connection>(executor);
  connection->timer.expires_after(limit);
  connection->timer.async_wait([connection](const boost::system::error_code& error) {
    if (error) return;
    connection->late = true;
    boost::system::error_code ignored;
    connection->socket.close(ignored);
  });
  const auto trouble = [&](const boost::system::error_code& error) {
    connection->timer.cancel();
    return fail(Fault::temporary,
                service + ": " + (connection->late ? "no answer in time" : error.message()));
  };
  auto [connected] = co_await connection->socket.async_connect(*endpoint, quiet);
  if (connected || connection->late) co_return trouble(connected);
  auto [written, sent] =
      co_await asio::async_write(connection->socket, asio::buffer(request), quiet);
  if (written) co_return trouble(written);
  std::string answer;
  std::array<char, 4096> chunk;
  for (;;) {
    auto [read, octets] = co_await connection->socket.async_read_some(asio::buffer(chunk), quiet);
    if (read) co_return trouble(read);
    answer.append(chunk.data(), octets);
    const std::size_t size = size_of(answer);
    if (size != 0) answer.resize(size);
    if (answer.size() > most) {
      connection->timer.cancel();
      co_return fail(Fault::malformed,
                     service + ": an answer longer than " + std::to_string(most) + " octets");
    }
    if (size == 0) continue;
    connection->timer.cancel();
    co_return answer;
  }
}

}  // namespace postern::net
