// A TCP connection, plain or TLS. OpenSSL works directly on the file descriptor: an idle TLS
// connection then needs a third of the memory of a stream wrapper.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "base/ip.h"
#include "base/task.h"
#include "net/channel_binding.h"
#include "net/peer_waits.h"
#include "net/tls.h"
#include "net/tls_client.h"

struct ssl_st;

namespace postern::net {

/// The address; IPv4-mapped becomes IPv4.
IpAddress from_asio(const boost::asio::ip::address& address);

/// What the caller expects to read next. It only affects how read() waits.
enum class Expect { command, bulk };

/// One connection, for one thread. cancel(), called on that thread, ends every wait: the operation
/// fails, and so do later ones until rearm().
class Stream {
 public:
  /// Takes over a connected socket.
  explicit Stream(boost::asio::ip::tcp::socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// The next octets, at least one. Empty: end of stream, error, or cancelled. The view is into a
  /// buffer of the thread: use it before the next co_await.
  Task<std::string_view> read(Expect expect);
  /// Writes all octets. False: error or cancelled. `bytes` must outlive the await.
  Task<bool> write(std::string_view bytes);
  /// Returns up to `size` octets without consuming them; waits for more than `seen`, the number
  /// that an earlier call returned. Empty: end of stream, error, or cancelled.
  Task<std::string_view> peek(std::size_t size, std::size_t seen = 0);
  /// Consumes octets that peek() returned.
  void skip(std::size_t size);
  /// Discards octets that the kernel has buffered: those sent after STARTTLS (RFC 3207 §4.2).
  void drain_plaintext();
  /// TLS handshake as the server. False: it failed; the connection must be closed. `clients`: asks
  /// for the client's certificate; null: it is not asked for.
  Task<bool> handshake(std::shared_ptr<const TlsContext> context,
                       std::shared_ptr<const ClientCertificateCheck> clients = nullptr);
  /// TLS handshake as the client. Fault::temporary: it failed, or the peer is not the expected one;
  /// the connection must be closed. `peer` must outlive the await.
  Task<Result<void>> handshake_as_client(std::shared_ptr<const TlsClientContext> context,
                                         const TlsPeer& peer);
  /// Octets that have arrived, without waiting; empty: none. nullopt: end of stream or error. The
  /// view is like that of read().
  std::optional<std::string_view> read_waiting();

  /// nullopt: not TLS.
  std::optional<TlsFacts> tls_facts() const;
  /// The channel bindings of a handshake as the server.
  ChannelBinding channel_binding() const;
  /// After a handshake as the client: the certificate matches the peer's names or TLSA records,
  /// whether or not that was required.
  bool peer_verified() const;
  /// Whether octets can be read without waiting.
  bool input_waiting() const;
  /// Whether the peer has closed its end, also if octets of it are waiting.
  bool peer_left() const;
  /// Told of every wait from now on; null: nobody is. Outlives the waits.
  void watch(PeerWaits* waits) { waits_ = waits; }
  PeerWaits* watched_by() const { return waits_; }
  void cancel();
  /// Allows operations again after cancel().
  void rearm() { cancelled_ = false; }
  /// Whether cancel() was called since the last rearm().
  bool cancelled() const { return cancelled_; }
  /// Sends a TLS close_notify or a FIN, without waiting, and closes the socket.
  void close();
  /// The socket.
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  enum class Ready { read, write };
  void begin_wait();
  void end_wait();
  Task<bool> wait(Ready ready);
  Task<std::string_view> read_plain_command();
  Task<std::string_view> read_ready();
  template <class Operation>
  Task<long> tls_operation(Operation operation);

  struct SslFree {
    void operator()(ssl_st* ssl) const;
  };
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
  std::shared_ptr<const TlsContext> context_;
  std::shared_ptr<const ClientCertificateCheck> clients_;
  PeerWaits* waits_ = nullptr;
  bool cancelled_ = false;
  std::array<char, 512> small_;
};

}  // namespace postern::net
