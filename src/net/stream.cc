#include "net/stream.h"

#include <cerrno>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/text.h"

namespace postern::net {
namespace asio = boost::asio;

namespace {

constexpr std::size_t scratch_size = 64 * 1024;

/// One read buffer per thread: idle connections have none.
std::span<char> scratch() {
  thread_local std::vector<char> buffer(scratch_size);
  return buffer;
}

std::string octets_of_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto high = hex_value(text[i]);
    const auto low = hex_value(text[i + 1]);
    if (!high || !low) return {};
    out += static_cast<char>(*high * 16 + *low);
  }
  return out;
}

/// Names in certificates and SNI have no trailing dot (RFC 6066 §3).
std::string reference_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return std::string(name);
}

/// False: the records cannot be enforced, so no connection may be made.
bool expect_tlsa(SSL* ssl, const TlsPeer& peer) {
  // RFC 7672 §3.1.1: with usage 3, the names in the certificate are not checked.
  const std::string base = peer.names.empty() ? std::string() : reference_name(peer.names.front());
  if (SSL_dane_enable(ssl, base.empty() ? nullptr : base.c_str()) != 1) return false;
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  bool usable = false;
  for (const std::string& record : peer.tlsa) {
    const auto fields = split(record, ' ');
    if (fields.size() != 4) continue;
    const auto usage = parse_number(fields[0]);
    const auto selector = parse_number(fields[1]);
    const auto matching = parse_number(fields[2]);
    const std::string data = octets_of_hex(fields[3]);
    // RFC 7672 §3.1.3: usages 0 and 1 are not used for SMTP. Usage 2 requires a name.
    if (!usage || *usage > 3 || *usage < (peer.names.empty() ? 3u : 2u) || !selector ||
        *selector > 255 || !matching || *matching > 255 || data.empty()) {
      continue;
    }
    usable |= SSL_dane_tlsa_add(
                  ssl, static_cast<std::uint8_t>(*usage), static_cast<std::uint8_t>(*selector),
                  static_cast<std::uint8_t>(*matching),
                  reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
  }
  ERR_clear_error();
  return usable;
}

/// The names are always compared, for peer_verified().
bool expect_peer(SSL* ssl, const TlsPeer& peer) {
  const bool dane = !peer.tlsa.empty();
  if (dane && !expect_tlsa(ssl, peer)) return false;
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // Without a name, any certificate of any trusted root would be accepted.
  if (peer.verify && peer.names.empty() && !dane) return false;
  if (peer.verify) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  bool first = true;
  for (const std::string& each : peer.names) {
    const std::string name = reference_name(each);
    if (first && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) return false;
    // The first name is set already: SSL_dane_enable() takes the base domain.
    if (!(first && dane) && SSL_add1_host(ssl, name.c_str()) != 1) return false;
    first = false;
  }
  return true;
}

}  // namespace

IpAddress from_asio(const asio::ip::address& address) {
  if (address.is_v4()) return IpAddress::v4(address.to_v4().to_uint());
  return IpAddress::v6(address.to_v6().to_bytes());
}

void Stream::SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

Stream::Stream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Stream::~Stream() = default;

void Stream::begin_wait() {
  if (waits_ != nullptr) waits_->begin();
}

void Stream::end_wait() {
  if (waits_ != nullptr && !waits_->end()) cancelled_ = true;
}

Task<bool> Stream::wait(Ready ready) {
  if (cancelled_) co_return false;
  begin_wait();
  const auto [error] = co_await socket_.async_wait(
      ready == Ready::read ? asio::socket_base::wait_read : asio::socket_base::wait_write,
      asio::as_tuple(asio::use_awaitable));
  end_wait();
  co_return !error && !cancelled_;
}

// Between commands, an asynchronous read saves a system call compared with waiting and then
// reading.
Task<std::string_view> Stream::read_plain_command() {
  begin_wait();
  const auto [error, size] =
      co_await socket_.async_read_some(asio::buffer(small_), asio::as_tuple(asio::use_awaitable));
  end_wait();
  if (error || cancelled_) co_return std::string_view();
  co_return std::string_view(small_.data(), size);
}

Task<std::string_view> Stream::read_ready() {
  const std::span<char> buffer = scratch();
  for (;;) {
    const bool ready = co_await wait(Ready::read);
    if (!ready) co_return std::string_view();
    const ssize_t size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (size >= 0) co_return std::string_view(buffer.data(), static_cast<std::size_t>(size));
    if (errno != EAGAIN && errno != EINTR) co_return std::string_view();
  }
}

template <class Operation>
Task<long> Stream::tls_operation(Operation operation) {
  for (;;) {
    ERR_clear_error();
    const int result = operation();
    if (result > 0) co_return result;
    bool ready = false;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        ready = co_await wait(Ready::read);
        break;
      case SSL_ERROR_WANT_WRITE:
        ready = co_await wait(Ready::write);
        break;
      default:
        break;
    }
    if (!ready) co_return 0;
  }
}

Task<std::string_view> Stream::read(Expect expect) {
  if (cancelled_) co_return std::string_view();
  if (!ssl_) {
    if (expect == Expect::command) co_return co_await read_plain_command();
    co_return co_await read_ready();
  }
  if (SSL_has_pending(ssl_.get()) == 0) {
    const bool ready = co_await wait(Ready::read);
    if (!ready) co_return std::string_view();
  }
  const std::span<char> buffer = scratch();
  SSL* ssl = ssl_.get();
  const long size = co_await tls_operation(
      [ssl, buffer] { return SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size())); });
  co_return std::string_view(buffer.data(), static_cast<std::size_t>(size));
}

Task<bool> Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (cancelled_) co_return false;
    if (ssl_) {
      SSL* ssl = ssl_.get();
      const long size = co_await tls_operation([ssl, bytes] {
        return SSL_write(ssl, bytes.data(),
                         static_cast<int>(std::min<std::size_t>(bytes.size(), 16 * 1024)));
      });
      if (size <= 0) co_return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
      continue;
    }
    const ssize_t size = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno == EAGAIN) {
      const bool ready = co_await wait(Ready::write);
      if (!ready) co_return false;
    } else if (errno != EINTR) {
      co_return false;
    }
  }
  co_return true;
}

Task<std::string_view> Stream::peek(std::size_t size, std::size_t seen) {
  const std::span<char> buffer = scratch();
  const int handle = static_cast<int>(socket_.native_handle());
  const auto wake_at = [handle](std::size_t octets) {
    const int least = static_cast<int>(octets);
    ::setsockopt(handle, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
  };
  for (;;) {
    const ssize_t got = ::recv(handle, buffer.data(), std::min(size, buffer.size()), MSG_PEEK);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return std::string_view();
    if (got > 0 && static_cast<std::size_t>(got) > seen)
      co_return std::string_view(buffer.data(), static_cast<std::size_t>(got));
    pollfd state{.fd = handle, .events = POLLRDHUP, .revents = 0};
    if (got > 0 && ::poll(&state, 1, 0) != 0) co_return std::string_view();
    // Octets that were peeked stay readable, so the wait would end at once.
    wake_at(seen + 1);
    const bool ready = co_await wait(Ready::read);
    wake_at(1);
    if (!ready) co_return std::string_view();
  }
}

void Stream::skip(std::size_t size) {
  const std::span<char> buffer = scratch();
  while (size > 0) {
    const ssize_t got =
        ::recv(socket_.native_handle(), buffer.data(), std::min(size, buffer.size()), 0);
    if (got <= 0) return;
    size -= static_cast<std::size_t>(got);
  }
}

void Stream::drain_plaintext() {
  const std::span<char> buffer = scratch();
  for (;;) {
    const ssize_t got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
  }
}

Task<bool> Stream::handshake(std::shared_ptr<const TlsContext> context,
                             std::shared_ptr<const ClientCertificateCheck> clients) {
  context_ = std::move(context);
  clients_ = std::move(clients);
  ssl_.reset(SSL_new(context_->handle()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), static_cast<int>(socket_.native_handle())) != 1) {
    co_return false;
  }
  SSL* ssl = ssl_.get();
  if (clients_) ClientCertificateCheck::ask(ssl);
  const long done = co_await tls_operation([ssl] { return SSL_accept(ssl); });
  co_return done > 0;
}

Task<Result<void>> Stream::handshake_as_client(std::shared_ptr<const TlsClientContext> context,
                                               const TlsPeer& peer) {
  ssl_.reset(SSL_new(context->handle()));  // holds a reference to the context
  SSL* ssl = ssl_.get();
  const bool ready = ssl != nullptr &&
                     SSL_set_fd(ssl, static_cast<int>(socket_.native_handle())) == 1 &&
                     expect_peer(ssl, peer);
  if (!ready) co_return fail(Fault::temporary, "TLS could not be set up");
  const long done = co_await tls_operation([ssl] { return SSL_connect(ssl); });
  if (done > 0) co_return Result<void>();
  const long verdict = SSL_get_verify_result(ssl);
  co_return fail(Fault::temporary,
                 verdict != X509_V_OK && peer.verify
                     ? std::string("the certificate: ") + X509_verify_cert_error_string(verdict)
                     : "the TLS handshake failed");
}

std::optional<std::string_view> Stream::read_waiting() {
  const std::span<char> buffer = scratch();
  if (!ssl_) {
    const ssize_t size =
        ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) return std::string_view(buffer.data(), static_cast<std::size_t>(size));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::string_view();
    return std::nullopt;
  }
  ERR_clear_error();
  const int size = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (size > 0) return std::string_view(buffer.data(), static_cast<std::size_t>(size));
  const int why = SSL_get_error(ssl_.get(), size);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return std::string_view();
  return std::nullopt;
}

std::optional<TlsFacts> Stream::tls_facts() const {
  if (!ssl_) return std::nullopt;
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return TlsFacts{.version = SSL_get_version(ssl_.get()),
                  .cipher = SSL_get_cipher_name(ssl_.get()),
                  .server_name = name != nullptr ? name : "",
                  .client = clients_ ? clients_->of(ssl_.get()) : std::nullopt,
                  .key_bits = SSL_get_cipher_bits(ssl_.get(), nullptr)};
}

ChannelBinding Stream::channel_binding() const {
  return ssl_ ? net::channel_binding(ssl_.get()) : ChannelBinding{};
}

bool Stream::peer_verified() const {
  if (!ssl_) return false;
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  return certificate != nullptr && SSL_get_verify_result(ssl_.get()) == X509_V_OK &&
         (SSL_get0_peername(ssl_.get()) != nullptr ||
          SSL_get0_dane_authority(ssl_.get(), nullptr, nullptr) >= 0);
}

bool Stream::input_waiting() const {
  if (ssl_ && SSL_has_pending(ssl_.get()) != 0) return true;
  pollfd poll_entry{.fd = const_cast<Stream*>(this)->socket_.native_handle(), .events = POLLIN};
  return ::poll(&poll_entry, 1, 0) > 0;
}

bool Stream::peer_left() const {
  pollfd entry{.fd = const_cast<Stream*>(this)->socket_.native_handle(), .events = POLLRDHUP};
  return ::poll(&entry, 1, 0) > 0;
}

void Stream::cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::close() {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) != 0) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  socket_.close(ignored);
}

}  // namespace postern::net
