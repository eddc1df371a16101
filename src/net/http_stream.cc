#include "net/http_stream.h"

#include <array>
#include <charconv>

#include <poll.h>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "net/http_head.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Octets of pipelined requests that are read during an endless answer.
constexpr std::size_t most_ahead = 4 * max_request_head;
/// How often a client that pipelines is checked for a close.
constexpr std::chrono::milliseconds look_for_close{200};

Error broken() { return {Fault::bug, "the body ended in an exception"}; }

/// Catches exceptions, which would leave the parallel wait running.
Task<Result<std::string>> next_of(const HttpResponse::Stream& body) {
  try {
    Result<std::string> piece = co_await body.next();
    co_return piece;
  } catch (...) {
    co_return tl::unexpected(broken());
  }
}

}  // namespace

Task<bool> BodyWriter::write(std::string_view before, std::string_view piece,
                             std::string_view after) {
  const std::array<asio::const_buffer, 3> octets{asio::buffer(before), asio::buffer(piece),
                                                 asio::buffer(after)};
  stream_.expires_after(write_deadline_);
  error_code error;
  co_await asio::async_write(stream_, octets, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

Task<bool> BodyWriter::write_sized(const HttpResponse::Stream& body) {
  const std::uint64_t size = body.size.value_or(0);
  for (std::uint64_t written = 0;;) {
    const Result<std::string> piece = co_await next_of(body);
    if (!piece || written + piece->size() > size) co_return false;
    if (piece->empty()) co_return written == size;
    const bool gone_out = co_await write({}, *piece, {});
    if (!gone_out) co_return false;
    written += piece->size();
  }
}

Task<bool> watch_client(boost::beast::tcp_stream& stream, boost::beast::flat_buffer& received) {
  error_code error;
  while (!error && received.size() < most_ahead) {
    // The socket's read: the stream's would start a deadline.
    const std::size_t n = co_await stream.socket().async_read_some(
        received.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
    received.commit(n);
  }
  co_return error.failed();
}

Task<void> watch_for_close(boost::beast::tcp_stream& stream) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  error_code error;
  while (!error && stream.socket().is_open()) {
    pollfd one{.fd = stream.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
    if (::poll(&one, 1, 0) != 0) co_return;
    timer.expires_after(look_for_close);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

Task<bool> BodyWriter::write_until_end(const HttpResponse::Stream& body, bool chunked) {
  using namespace asio::experimental::awaitable_operators;
  for (;;) {
    const auto came = co_await (next_of(body) || watch_client(stream_, received_));
    const auto* piece = std::get_if<Result<std::string>>(&came);
    if (piece == nullptr || !*piece) co_return false;
    const std::string& octets = **piece;
    bool gone_out = false;
    if (octets.empty()) {
      gone_out = !chunked || co_await write({}, "0\r\n\r\n", {});
      co_return gone_out;
    }
    if (chunked) {
      std::array<char, 18> size{};
      char* end = std::to_chars(size.data(), size.data() + 16, octets.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      gone_out = co_await write({size.data(), end}, octets, "\r\n");
    } else {
      gone_out = co_await write({}, octets, {});
    }
    if (!gone_out) co_return false;
  }
}

}  // namespace postern::net
