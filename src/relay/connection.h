// One connection to one address: drives smtp::ClientSession over a socket, for one message after
// the other.
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

enum class Speaker : std::uint8_t { client, server };

/// Whom to dial, and as what.
struct Host {
  IpAddress address;
  std::uint16_t port = 25;
  std::optional<IpAddress> source;  ///< to connect from; nullopt: the machine's own choice
  smtp::ClientOptions options;
  /// `verify` must be set at level smtp::TlsLevel::verify.
  net::TlsPeer peer;
  std::shared_ptr<const net::TlsClientContext> tls;  ///< null: only with level none
  std::chrono::milliseconds connect_limit = std::chrono::seconds(30);
  /// Caps every other wait. RFC 5321 §4.5.3.2 wants minutes, so only tests set it, and who asks
  /// this gateway itself.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// For a whole message, beside a second for each 10 KB.
  std::chrono::milliseconds message_limit = std::chrono::minutes(30);
  /// Told of the octets as they are said, inside TLS too; may be empty.
  std::function<void(Speaker speaker, std::string_view octets)> overheard = {};
};

/// The octets of the message from `offset` on, at most `room`; empty: they cannot be read. The view
/// holds until the next call.
using TextSource = std::function<std::string_view(std::uint64_t offset, std::size_t room)>;

/// What became of a message. `results` is parallel to its recipients.
struct Conversation {
  std::vector<smtp::RecipientResult> results;
  smtp::DeliveryDone done;
};

/// Why there is no connection.
struct DialFailure {
  enum class Kind : std::uint8_t {
    refused,      ///< by the host, or no way to it
    unreachable,  ///< the network of its family is (R13)
    timeout,
    source,  ///< `source` is not an address of this machine
    ports,   ///< all ports of the source are in use
    local,   ///< this machine has no descriptor or buffer left
  };
  Kind kind = Kind::refused;
  std::string text;
};

/// Lives on one event loop. Limits: those of smtp::time_limit() for each reply, and for each
/// message Host::message_limit.
class Connection {
 public:
  /// Connects; nothing is said or read yet.
  static Task<tl::expected<std::unique_ptr<Connection>, DialFailure>> open(Host host);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Delivers one message. When the result is not `reusable`, the connection is closed behind it.
  /// `message` must outlive the await. At `until` the conversation ends, unless the message has
  /// been said to its end: cutting off the reply to that would deliver it twice (RFC 1047).
  Task<Conversation> deliver(
      const smtp::OutboundMessage& message, const TextSource& source,
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());
  /// After a `reusable` one: whether the host has neither spoken nor gone since.
  bool is_quiet() const;
  /// Says QUIT, waits for no answer, closes.
  Task<void> quit();

  const Host& host() const;
  IpAddress local_address() const;
  std::uint16_t local_port() const;
  /// Nullopt in the clear.
  std::optional<net::TlsFacts> tls_facts() const;
  /// The certificate is what names or TLSA records ask for, demanded or not.
  bool peer_verified() const;

 private:
  struct Dialogue;
  explicit Connection(std::unique_ptr<Dialogue> dialogue);
  std::unique_ptr<Dialogue> dialogue_;
};

/// Connects, delivers one message and says QUIT. `message` must outlive the await.
/// Fault::temporary: no connection.
Task<Result<Conversation>> deliver(Host host, const smtp::OutboundMessage& message,
                                   TextSource source);

}  // namespace postern::relay
