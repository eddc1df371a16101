// A connection's octets, plain or TLS over the same socket. OpenSSL is driven directly on the file
// descriptor: an idle TLS connection costs a third of what a stream wrapper does.
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
#include "net/tls.h"
#include "net/tls_client.h"

struct ssl_st;

namespace postern::net {

IpAddress from_asio(const boost::asio::ip::address& address);

/// What the reader expects next; it chooses how to wait, never what is read.
enum class Expect { command, bulk };

/// Owned by one connection on one thread. Every wait ends when cancel() is called from that thread;
/// the operation then fails, and so do later ones until rearm().
class Stream {
 public:
  explicit Stream(boost::asio::ip::tcp::socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// The next octets, at least one; empty at the end of the stream, on an error or when cancelled.
  /// The view is into a buffer of this thread: use it before the next co_await.
  Task<std::string_view> read(Expect expect);
  /// Writes all of it; false on an error or when cancelled. `bytes` must outlive the await.
  Task<bool> write(std::string_view bytes);
  /// Looks at up to `size` octets without taking them; waits for more than the `seen` ones that an
  /// earlier look showed. Empty: the end of the stream, an error, or cancelled.
  Task<std::string_view> peek(std::size_t size, std::size_t seen = 0);
  /// Takes octets that peek() showed.
  void skip(std::size_t size);
  /// Drops whatever the kernel holds unread: octets sent behind STARTTLS (RFC 3207 §4.2).
  void drain_plaintext();
  Task<bool> handshake(std::shared_ptr<const TlsContext> context);
  /// As the client. Fault::temporary: no handshake, or the peer is not who it should be; the
  /// connection is then of no more use. `peer` must outlive the await.
  Task<Result<void>> handshake_as_client(std::shared_ptr<const TlsClientContext> context,
                                         const TlsPeer& peer);
  /// What has come, without waiting; empty: nothing yet. nullopt: the end of the stream, or an
  /// error. The view is as read()'s.
  std::optional<std::string_view> read_waiting();

  bool is_tls() const { return ssl_ != nullptr; }
  std::optional<TlsFacts> tls_facts() const;
  /// Of a handshake as the server.
  ChannelBinding channel_binding() const;
  /// As the client: the certificate is what the peer's names or TLSA records ask for, demanded or
  /// not.
  bool peer_verified() const;
  bool input_waiting() const;
  void cancel();
  void rearm() { cancelled_ = false; }
  bool cancelled() const { return cancelled_; }
  /// Sends a TLS close_notify or FIN, best effort, and closes.
  void close();
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  enum class Ready { read, write };
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
  bool cancelled_ = false;
  std::array<char, 512> small_;
};

}  // namespace postern::net
