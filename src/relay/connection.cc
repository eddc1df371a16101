#include "relay/connection.h"

#include <algorithm>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/ran_out.h"
#include "net/stream.h"

namespace postern::relay {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t octets_per_second = 10'000;
constexpr milliseconds quit_limit = std::chrono::seconds(2);

/// Cancels a stream at its deadline. The timer's handler may outlive the connection, so its state
/// is shared. Extending a deadline is cheap: the timer checks the deadline when it fires.
class Watch {
 public:
  Watch(const asio::any_io_executor& executor, net::Stream& stream, milliseconds longest)
      : shared_(std::make_shared<Shared>(executor, &stream)), longest_(longest) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    shared_->stream = nullptr;
    shared_->timer.cancel();
  }

  /// Limits all later deadlines to `end`, and to `until` except for the last reply.
  void set_end(Clock::time_point end, Clock::time_point until) {
    end_ = end;
    until_ = until;
  }
  void set(milliseconds limit, bool last_reply = false) {
    shared_->deadline = std::min(Clock::now() + std::min(limit, longest_), end_);
    if (!last_reply) shared_->deadline = std::min(shared_->deadline, until_);
    if (!shared_->armed || shared_->deadline < shared_->timer.expiry()) arm(shared_);
  }
  /// Removes the deadline.
  void rest() { shared_->deadline = Clock::time_point::max(); }
  bool late() const { return shared_->late; }

 private:
  struct Shared {
    Shared(const asio::any_io_executor& executor, net::Stream* given)
        : timer(executor), stream(given) {}
    asio::steady_timer timer;
    net::Stream* stream;
    Clock::time_point deadline = Clock::time_point::max();
    bool armed = false;
    bool late = false;
  };

  static void arm(const std::shared_ptr<Shared>& shared) {
    shared->timer.expires_at(shared->deadline);  // cancels an earlier wait
    shared->armed = true;
    shared->timer.async_wait([shared](const boost::system::error_code& error) {
      // The handler may already be queued when the timer is set again.
      if (error || shared->stream == nullptr || shared->timer.expiry() > Clock::now()) return;
      shared->armed = false;
      if (shared->deadline == Clock::time_point::max()) return;
      if (shared->deadline > Clock::now()) return arm(shared);
      shared->late = true;
      shared->stream->cancel();
    });
  }

  std::shared_ptr<Shared> shared_;
  Clock::time_point end_ = Clock::time_point::max();
  Clock::time_point until_ = Clock::time_point::max();
  milliseconds longest_;
};

}  // namespace

struct Connection::Dialogue {
  Dialogue(const asio::any_io_executor& executor, tcp::socket socket, Host given)
      : host(std::move(given)),
        stream(std::move(socket)),
        watch(executor, stream, host.longest_wait),
        session(host.options) {}

  void feed(std::string_view octets) {
    if (host.overheard) host.overheard(Speaker::server, octets);
    session.feed(octets);
  }
  void feed_waiting();
  void lost() { session.lost(watch.late() ? smtp::Lost::timeout : smtp::Lost::closed); }
  void send_text(const smtp::NeedText& wanted, const TextSource& source);
  Task<void> write(const std::string& said);
  Task<void> begin_tls();
  Task<void> hear(smtp::ClientWait wait);
  Task<void> say_last();

  Host host;
  net::Stream stream;
  Watch watch;
  smtp::ClientSession session;
  std::optional<std::size_t> timed;  ///< number of replies when the deadline for one was set
};

/// Reads what the host sent before the connection broke, most likely a rejection.
void Connection::Dialogue::feed_waiting() {
  stream.rearm();
  for (;;) {
    const auto octets = stream.read_waiting();
    if (!octets || octets->empty()) return;
    feed(*octets);
  }
}

namespace {

asio::ip::address to_asio(const IpAddress& address) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type octets;
    std::copy_n(address.octets().begin(), octets.size(), octets.begin());
    return asio::ip::address_v4(octets);
  }
  asio::ip::address_v6::bytes_type octets;
  std::copy_n(address.octets().begin(), octets.size(), octets.begin());
  return asio::ip::address_v6(octets);
}

DialFailure failure(const boost::system::error_code& error) {
  namespace errc = boost::system::errc;
  using Kind = DialFailure::Kind;
  const Kind kind = error == errc::network_unreachable            ? Kind::unreachable
                    : error == errc::address_family_not_supported ? Kind::unreachable
                    : error == errc::address_not_available        ? Kind::ports
                    : net::ran_out(error)                         ? Kind::local
                                                                  : Kind::refused;
  return {kind, error.message()};
}

/// Binds to a source address. The kernel chooses the port at connect(2), when the peer is known, so
/// that one port serves many destinations.
boost::system::error_code bind(tcp::socket& socket, const IpAddress& source) {
  boost::system::error_code error;
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  socket.bind(tcp::endpoint(to_asio(source), 0), error);
  return error;
}

using Dialled = tl::expected<tcp::socket, DialFailure>;

Task<Dialled> dial(const Host& host) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = std::make_shared<tcp::socket>(executor);
  boost::system::error_code opened;
  socket->open(host.address.is_v4() ? tcp::v4() : tcp::v6(), opened);
  if (opened) co_return tl::unexpected(failure(opened));
  if (host.source) {
    const auto error = bind(*socket, *host.source);
    if (error) co_return tl::unexpected(DialFailure{DialFailure::Kind::source, error.message()});
  }
  const auto timer = std::make_shared<asio::steady_timer>(executor, host.connect_limit);
  timer->async_wait([socket](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) socket->close(ignored);
  });
  const tcp::endpoint endpoint(to_asio(host.address), host.port);
  const auto [error] =
      co_await socket->async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
  const bool in_time = timer->cancel() > 0;
  if (!in_time) {
    co_return tl::unexpected(DialFailure{DialFailure::Kind::timeout, "no connection in time"});
  }
  if (error) co_return tl::unexpected(failure(error));
  co_return std::move(*socket);
}

}  // namespace

/// Passes text for NeedText to the session; input from the host comes first.
void Connection::Dialogue::send_text(const smtp::NeedText& wanted, const TextSource& source) {
  if (stream.input_waiting()) {
    const auto octets = stream.read_waiting();
    if (!octets) return lost();
    if (!octets->empty()) return feed(*octets);
  }
  session.text(source(wanted.offset, wanted.room));
}

Task<void> Connection::Dialogue::write(const std::string& said) {
  timed.reset();
  if (host.overheard) host.overheard(Speaker::client, said);
  watch.set(smtp::text_time_limit);
  const bool written = co_await stream.write(said);
  if (written) {
    session.written();
  } else {
    feed_waiting();
    lost();
  }
}

Task<void> Connection::Dialogue::begin_tls() {
  if (stream.input_waiting()) {
    // In TLS the client speaks first: this input was injected, or the connection has ended.
    const auto octets = stream.read_waiting();
    if (octets && !octets->empty()) {
      feed(*octets);
    } else {
      lost();
    }
    co_return;
  }
  if (host.tls == nullptr) {
    session.tls_failed("TLS is not set up here");
    co_return;
  }
  watch.set(smtp::handshake_time_limit);
  const Result<void> shaken = co_await stream.handshake_as_client(host.tls, host.peer);
  if (shaken) {
    session.tls_started();
  } else {
    session.tls_failed(shaken.error().message);
  }
}

Task<void> Connection::Dialogue::hear(smtp::ClientWait wait) {
  if (timed != session.replies()) {
    timed = session.replies();
    watch.set(smtp::time_limit(wait), wait == smtp::ClientWait::end_of_data);
  }
  const std::string_view octets = co_await stream.read(net::Expect::command);
  if (octets.empty()) {
    lost();
  } else {
    feed(octets);
  }
}

Task<void> Connection::Dialogue::say_last() {
  const std::string last = session.take_output();
  if (!last.empty()) {
    if (host.overheard) host.overheard(Speaker::client, last);
    stream.rearm();
    watch.set(quit_limit);
    co_await stream.write(last);
  }
  stream.close();
}

Connection::Connection(std::unique_ptr<Dialogue> dialogue) : dialogue_(std::move(dialogue)) {}
Connection::~Connection() = default;

Task<tl::expected<std::unique_ptr<Connection>, DialFailure>> Connection::open(Host host) {
  Dialled socket = co_await dial(host);
  if (!socket) co_return tl::unexpected(std::move(socket.error()));
  const auto executor = co_await asio::this_coro::executor;
  co_return std::unique_ptr<Connection>(
      new Connection(std::make_unique<Dialogue>(executor, std::move(*socket), std::move(host))));
}

Task<Conversation> Connection::deliver(const smtp::OutboundMessage& message,
                                       const TextSource& source, Clock::time_point until) {
  Dialogue& dialogue = *dialogue_;
  smtp::ClientSession& session = dialogue.session;
  dialogue.watch.set_end(Clock::now() + dialogue.host.message_limit +
                             std::chrono::seconds(message.size / octets_per_second),
                         until);
  dialogue.timed.reset();
  session.deliver(message);
  for (;;) {
    const std::string said = session.take_output();
    if (!said.empty()) co_await dialogue.write(said);
    const smtp::ClientEvent event = session.next();
    if (const auto* done = std::get_if<smtp::DeliveryDone>(&event)) {
      Conversation conversation{session.results(), *done};
      if (done->reusable) {
        dialogue.watch.rest();
      } else {
        co_await dialogue.say_last();
      }
      co_return conversation;
    }
    if (const auto* text = std::get_if<smtp::NeedText>(&event)) {
      dialogue.send_text(*text, source);
    } else if (const auto* reply = std::get_if<smtp::NeedReply>(&event)) {
      co_await dialogue.hear(reply->wait);
    } else {
      co_await dialogue.begin_tls();
    }
  }
}

bool Connection::is_quiet() const { return !dialogue_->stream.input_waiting(); }

Task<void> Connection::quit() {
  dialogue_->session.quit();
  co_await dialogue_->say_last();
}

const Host& Connection::host() const { return dialogue_->host; }

IpAddress Connection::local_address() const {
  boost::system::error_code ignored;
  return net::from_asio(dialogue_->stream.socket().local_endpoint(ignored).address());
}

std::uint16_t Connection::local_port() const {
  boost::system::error_code ignored;
  return dialogue_->stream.socket().local_endpoint(ignored).port();
}

std::optional<net::TlsFacts> Connection::tls_facts() const { return dialogue_->stream.tls_facts(); }

bool Connection::peer_verified() const { return dialogue_->stream.peer_verified(); }

Task<Result<Conversation>> deliver(Host host, const smtp::OutboundMessage& message,
                                   TextSource source) {
  auto connection = co_await Connection::open(std::move(host));
  if (!connection) co_return fail(Fault::temporary, connection.error().text);
  Conversation conversation = co_await (*connection)->deliver(message, source);
  if (conversation.done.reusable) co_await (*connection)->quit();
  co_return conversation;
}

}  // namespace postern::relay
