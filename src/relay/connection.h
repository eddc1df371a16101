// One connection to one address: runs smtp::ClientSession over a socket, message after message.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/task.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "smtp/client_session.h"

namespace postern::relay {

/// The side that sends.
enum class Speaker : std::uint8_t { client, server };

/// What to connect to, and how.
struct Host {
  IpAddress address;                ///< the address to connect to
  std::uint16_t port = 25;          ///< the port to connect to
  std::optional<IpAddress> source;  ///< the source address; nullopt: the system's choice
  smtp::ClientOptions options;      ///< for the SMTP session
  /// For certificate verification. `verify` must be set at smtp::TlsLevel::verify.
  net::TlsPeer peer;
  std::shared_ptr<const net::TlsClientContext> tls;  ///< null is valid only at level none
  std::chrono::milliseconds connect_limit = std::chrono::seconds(30);  ///< to connect
  /// Limits every other wait. RFC 5321 §4.5.3.2 requires minutes; only tests and clients of this
  /// gateway itself set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// Limits one message; a second is added for each 10 KB of text.
  std::chrono::milliseconds message_limit = std::chrono::minutes(30);
  /// Gets the octets that each side sends, in the clear even inside TLS; may be empty.
  std::function<void(Speaker speaker, std::string_view octets)> overheard = {};
};

/// Returns the octets of the message from `offset` on, at most `room`; empty when they cannot be
/// read. The view is valid until the next call.
using TextSource = std::function<std::string_view(std::uint64_t offset, std::size_t room)>;

/// The outcome of one message.
struct Conversation {
  std::vector<smtp::RecipientResult> results;  ///< parallel to the recipients
  smtp::DeliveryDone done;                     ///< the outcome for the connection
};

/// Why a connection could not be made.
struct DialFailure {
  /// The cause.
  enum class Kind : std::uint8_t {
    refused,      ///< the host refused it, or there is no route to the host
    unreachable,  ///< the network of its address family is unreachable
    timeout,      ///< no connection within Host::connect_limit
    source,       ///< `source` is not an address of this machine
    ports,        ///< all ports of the source address are in use
    local,        ///< this machine has no descriptors or buffers left
  };
  Kind kind = Kind::refused;  ///< the cause
  std::string text;           ///< the error message
};

/// A connection on one event loop; use it only in the loop's thread. Each reply is limited by
/// smtp::time_limit(), each message by Host::message_limit.
class Connection {
 public:
  /// Connects. Sends and reads nothing.
  static Task<tl::expected<std::unique_ptr<Connection>, DialFailure>> open(Host host);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Delivers one message. Unless the result is `reusable`, the connection is closed afterwards.
  /// `message` must outlive the await. At `until` the session ends, unless the whole message was
  /// sent: giving up on the final reply would cause a duplicate (RFC 5321 §4.5.3.2.6).
  Task<Conversation> deliver(
      const smtp::OutboundMessage& message, const TextSource& source,
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());
  /// After a `reusable` result: whether the host has neither sent anything nor closed the
  /// connection.
  bool is_quiet() const;
  /// Sends QUIT and closes the connection without waiting for the reply.
  Task<void> quit();

  /// The arguments of open().
  const Host& host() const;
  /// The address of this end; the unspecified address when the connection is closed.
  IpAddress local_address() const;
  /// The port of this end; 0 when the connection is closed.
  std::uint16_t local_port() const;
  /// The TLS parameters; nullopt without TLS.
  std::optional<net::TlsFacts> tls_facts() const;
  /// Whether the certificate matches the reference names or TLSA records, required or not.
  bool peer_verified() const;

 private:
  struct Dialogue;
  explicit Connection(std::unique_ptr<Dialogue> dialogue);
  std::unique_ptr<Dialogue> dialogue_;
};

/// Connects, delivers one message and sends QUIT. `message` must outlive the await.
/// Fault::temporary: no connection.
Task<Result<Conversation>> deliver(Host host, const smtp::OutboundMessage& message,
                                   TextSource source);

}  // namespace postern::relay
