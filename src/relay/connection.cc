#include "relay/connection.h"

#include <algorithm>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/stream.h"

namespace postern::relay {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds session_limit = std::chrono::minutes(30);
constexpr std::uint64_t octets_per_second = 10'000;
constexpr milliseconds quit_limit = std::chrono::seconds(2);

/// Cancels a stream when its time is up. The timer's handler may outlive the connection, so what it
/// looks at is shared.
class Watch {
 public:
  Watch(const asio::any_io_executor& executor, net::Stream& stream, Clock::time_point end,
        milliseconds longest)
      : shared_(std::make_shared<Shared>(executor, &stream)), end_(end), longest_(longest) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    shared_->stream = nullptr;
    shared_->timer.cancel();
  }

  void set(milliseconds limit) {
    shared_->timer.expires_at(std::min(Clock::now() + std::min(limit, longest_), end_));
    shared_->timer.async_wait([shared = shared_](const boost::system::error_code& error) {
      // The handler may be on its way already when the time is set anew.
      if (error || shared->stream == nullptr || shared->timer.expiry() > Clock::now()) return;
      shared->late = true;
      shared->stream->cancel();
    });
  }
  bool late() const { return shared_->late; }

 private:
  struct Shared {
    Shared(const asio::any_io_executor& executor, net::Stream* given)
        : timer(executor), stream(given) {}
    asio::steady_timer timer;
    net::Stream* stream;
    bool late = false;
  };
  std::shared_ptr<Shared> shared_;
  Clock::time_point end_;
  milliseconds longest_;
};

struct Dialogue {
  Dialogue(const asio::any_io_executor& executor, tcp::socket socket, const Host& host,
           std::uint64_t size)
      : stream(std::move(socket)),
        watch(executor, stream,
              Clock::now() + session_limit + std::chrono::seconds(size / octets_per_second),
              host.longest_wait),
        session(host.options) {}

  void feed_waiting();
  void lost() { session.lost(watch.late() ? smtp::Lost::timeout : smtp::Lost::closed); }

  net::Stream stream;
  Watch watch;
  smtp::ClientSession session;
  std::optional<std::size_t> timed;  ///< the number of replies when the time for one was set
};

/// What the host said before the connection broke: a refusal, most likely.
void Dialogue::feed_waiting() {
  stream.rearm();
  for (;;) {
    const auto octets = stream.read_waiting();
    if (!octets || octets->empty()) return;
    session.feed(*octets);
  }
}

asio::ip::address to_asio(const IpAddress& address) {
  return asio::ip::make_address(address.to_string());
}

Task<Result<tcp::socket>> dial(IpAddress address, std::uint16_t port, milliseconds limit) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = std::make_shared<tcp::socket>(executor);
  const auto timer = std::make_shared<asio::steady_timer>(executor, limit);
  timer->async_wait([socket](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) socket->close(ignored);
  });
  const tcp::endpoint endpoint(to_asio(address), port);
  const auto [error] =
      co_await socket->async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
  const bool in_time = timer->cancel() > 0;
  if (error || !in_time) {
    co_return fail(Fault::temporary, in_time ? error.message() : "no connection in time");
  }
  co_return std::move(*socket);
}

/// The octets of NeedText; or, when the host has said something, that first.
void send_text(Dialogue& dialogue, const smtp::NeedText& wanted, const TextSource& source) {
  if (dialogue.stream.input_waiting()) {
    const auto octets = dialogue.stream.read_waiting();
    if (!octets) return dialogue.lost();
    if (!octets->empty()) return dialogue.session.feed(*octets);
  }
  dialogue.session.text(source(wanted.offset, wanted.room));
}

Task<void> write(Dialogue& dialogue, const std::string& said) {
  dialogue.timed.reset();
  dialogue.watch.set(smtp::text_time_limit);
  const bool written = co_await dialogue.stream.write(said);
  if (written) {
    dialogue.session.written();
  } else {
    dialogue.feed_waiting();
    dialogue.lost();
  }
}

Task<void> begin_tls(Dialogue& dialogue, const Host& host) {
  if (dialogue.stream.input_waiting()) {
    // In TLS the client speaks first: this is injected, or the end.
    const auto octets = dialogue.stream.read_waiting();
    if (octets && !octets->empty()) {
      dialogue.session.feed(*octets);
    } else {
      dialogue.lost();
    }
    co_return;
  }
  if (host.tls == nullptr) {
    dialogue.session.tls_failed("TLS is not set up here");
    co_return;
  }
  dialogue.watch.set(smtp::handshake_time_limit);
  const Result<void> shaken = co_await dialogue.stream.handshake_as_client(host.tls, host.peer);
  if (shaken) {
    dialogue.session.tls_started();
  } else {
    dialogue.session.tls_failed(shaken.error().message);
  }
}

Task<void> hear(Dialogue& dialogue, smtp::ClientWait wait) {
  if (dialogue.timed != dialogue.session.replies()) {
    dialogue.timed = dialogue.session.replies();
    dialogue.watch.set(smtp::time_limit(wait));
  }
  const std::string_view octets = co_await dialogue.stream.read(net::Expect::command);
  if (octets.empty()) {
    dialogue.lost();
  } else {
    dialogue.session.feed(octets);
  }
}

Task<void> say_last(Dialogue& dialogue) {
  const std::string last = dialogue.session.take_output();
  if (!last.empty()) {
    dialogue.stream.rearm();
    dialogue.watch.set(quit_limit);
    co_await dialogue.stream.write(last);
  }
  dialogue.stream.close();
}

}  // namespace

Task<Result<Conversation>> deliver(Host host, const smtp::OutboundMessage& message,
                                   TextSource source) {
  auto socket = co_await dial(host.address, host.port, host.connect_limit);
  if (!socket) co_return tl::unexpected(socket.error());
  const auto executor = co_await asio::this_coro::executor;
  Dialogue dialogue(executor, std::move(*socket), host, message.size);
  smtp::ClientSession& session = dialogue.session;
  session.deliver(message);
  for (;;) {
    const std::string said = session.take_output();
    if (!said.empty()) co_await write(dialogue, said);
    const smtp::ClientEvent event = session.next();
    if (const auto* done = std::get_if<smtp::DeliveryDone>(&event)) {
      Conversation conversation{session.results(), *done};
      if (done->reusable) session.quit();
      co_await say_last(dialogue);
      co_return conversation;
    }
    if (const auto* text = std::get_if<smtp::NeedText>(&event)) {
      send_text(dialogue, *text, source);
    } else if (const auto* reply = std::get_if<smtp::NeedReply>(&event)) {
      co_await hear(dialogue, reply->wait);
    } else {
      co_await begin_tls(dialogue, host);
    }
  }
}

}  // namespace postern::relay
