#include "net/policy_client.h"

#include <boost/asio.hpp>

#include "base/ip.h"
#include "base/text.h"

namespace postern::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_answer = 4096;
constexpr auto quiet = asio::as_tuple(asio::use_awaitable);

struct Peer {
  asio::generic::stream_protocol::endpoint endpoint;
};

Result<Peer> peer_of(const std::string& service) {
  using Stream = asio::generic::stream_protocol::endpoint;
  if (service.starts_with("unix:")) {
    return Peer{Stream(asio::local::stream_protocol::endpoint(service.substr(5)))};
  }
  const std::size_t colon = service.rfind(':');
  std::string host = service.substr(0, colon);
  if (host.starts_with("inet:")) host.erase(0, 5);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : parse_number(std::string_view(service).substr(colon + 1));
  boost::system::error_code wrong;
  const auto address = asio::ip::make_address(host, wrong);
  if (wrong || !port || *port == 0 || *port > 65535) {
    return fail(Fault::malformed, service + ": write inet:address:port or unix:/path");
  }
  return Peer{Stream(asio::ip::tcp::endpoint(address, static_cast<std::uint16_t>(*port)))};
}

/// `action=...` among the answer's lines; an empty line ends it.
Result<std::string> action_in(std::string_view answer) {
  for (std::string_view line : split(answer, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (istarts_with(line, "action=")) return std::string(trim(line.substr(7)));
  }
  return fail(Fault::malformed, "an answer without action=");
}

}  // namespace

Task<Result<std::string>> ask_policy_server(std::string service, std::string request,
                                            std::chrono::milliseconds limit) {
  const Result<Peer> peer = peer_of(service);
  if (!peer) co_return tl::unexpected(peer.error());
  const auto executor = co_await asio::this_coro::executor;
  asio::generic::stream_protocol::socket socket(executor);
  asio::steady_timer timer(executor, limit);
  bool late = false;
  timer.async_wait([&socket, &late](const boost::system::error_code& error) {
    if (error) return;
    late = true;
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  const auto trouble = [&](const boost::system::error_code& error) {
    timer.cancel();
    return fail(Fault::temporary, service + ": " + (late ? "no answer in time" : error.message()));
  };
  auto [connected] = co_await socket.async_connect(peer->endpoint, quiet);
  if (connected) co_return trouble(connected);
  auto [written, size] = co_await asio::async_write(socket, asio::buffer(request), quiet);
  if (written) co_return trouble(written);
  std::string answer;
  auto [read, octets] = co_await asio::async_read_until(
      socket, asio::dynamic_buffer(answer, max_answer), "\n\n", quiet);
  if (read) co_return trouble(read);
  timer.cancel();
  co_return action_in(answer);
}

}  // namespace postern::net
