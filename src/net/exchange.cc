#include "net/exchange.h"

#include <optional>

#include <boost/asio.hpp>

#include "base/host_port.h"
#include "base/ip.h"

namespace postern::net {

namespace asio = boost::asio;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
using Endpoint = asio::generic::stream_protocol::endpoint;
using Socket = asio::generic::stream_protocol::socket;

using Tcp = asio::ip::tcp;

/// A look-up of a host name that goes on after its caller has stopped waiting.
struct Search {
  explicit Search(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  Tcp::resolver resolver;
  asio::steady_timer done;  ///< cancelled at the end
  std::optional<boost::system::error_code> error;
  Tcp::resolver::results_type found;
};

/// The first address of a host name, as the system knows it (/etc/hosts, DNS).
Task<Result<Endpoint>> endpoint_of_name(const std::string& service, std::string_view host,
                                        std::string_view port, std::chrono::milliseconds limit) {
  const auto executor = co_await asio::this_coro::executor;
  const auto search = std::make_shared<Search>(executor);
  search->done.expires_after(limit);
  search->resolver.async_resolve(host, port, Tcp::resolver::numeric_service,
                                 [search](const boost::system::error_code& error, auto found) {
                                   search->error = error;
                                   search->found = std::move(found);
                                   search->done.cancel();
                                 });
  if (!search->error) {
    const auto ignored = co_await search->done.async_wait(quiet);
    static_cast<void>(ignored);
  }
  if (!search->error) co_return fail(Fault::not_found, service + ": no address in time");
  if (*search->error) {
    co_return fail(Fault::not_found, service + ": " + search->error->message());
  }
  co_return Endpoint(search->found.begin()->endpoint());
}

Task<Result<Endpoint>> endpoint_of(const std::string& service, std::chrono::milliseconds limit) {
  if (service.starts_with("unix:")) {
    try {
      co_return Endpoint(asio::local::stream_protocol::endpoint(service.substr(5)));
    } catch (const boost::system::system_error& error) {  // the path is too long for the system
      co_return fail(Fault::malformed, service + ": " + error.code().message());
    }
  }
  std::string host = service.starts_with("inet:") ? service.substr(5) : service;
  if (constexpr std::string_view local = "localhost:"; host.starts_with(local))
    host.replace(0, local.size(), "127.0.0.1:");
  const auto parsed = parse_address_and_port(host);
  if (parsed && parsed->port != 0) {
    co_return Endpoint(
        Tcp::endpoint(asio::ip::make_address(parsed->address.to_string()), parsed->port));
  }
  const auto named = parse_name_and_port(host);
  if (!named) {
    co_return fail(Fault::malformed, service + ": write inet:host:port or unix:/path");
  }
  co_return co_await endpoint_of_name(service, named->name, std::to_string(named->port), limit);
}

/// Shared with the timer's handler, which may outlive the coroutine.
struct ExchangeConnection {
  explicit ExchangeConnection(const asio::any_io_executor& executor)
      : socket(executor), timer(executor) {}
  Socket socket;
  asio::steady_timer timer;
  bool late = false;
};

}  // namespace

Task<Result<std::string>> exchange(std::string service, std::string request, AnswerSize size_of,
                                   std::size_t most, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const Result<Endpoint> endpoint = co_await endpoint_of(service, limit);
  if (!endpoint) co_return tl::unexpected(endpoint.error());
  const auto executor = co_await asio::this_coro::executor;
  const auto connection = std::make_shared<ExchangeConnection>(executor);
  connection->timer.expires_at(end);
  connection->timer.async_wait([connection](const boost::system::error_code& error) {
    if (error) return;
    connection->late = true;
    boost::system::error_code ignored;
    connection->socket.close(ignored);
  });
  const auto trouble = [&](const boost::system::error_code& error, Fault fault = Fault::temporary) {
    connection->timer.cancel();
    return fail(fault, service + ": " + (connection->late ? "no answer in time" : error.message()));
  };
  auto [connected] = co_await connection->socket.async_connect(*endpoint, quiet);
  if (connected || connection->late) co_return trouble(connected, Fault::not_found);
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
