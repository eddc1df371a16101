// One connection to one address: drives smtp::ClientSession over a socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/task.h"
#include "net/tls_client.h"
#include "smtp/client_session.h"

namespace postern::relay {

/// Whom to dial, and as what.
struct Host {
  IpAddress address;
  std::uint16_t port = 25;
  smtp::ClientOptions options;
  /// `verify` must be set at level smtp::TlsLevel::verify.
  net::TlsPeer peer;
  std::shared_ptr<const net::TlsClientContext> tls;  ///< null: only with level none
  std::chrono::milliseconds connect_limit = std::chrono::seconds(30);
  /// Caps every other wait. RFC 5321 §4.5.3.2 wants minutes, so only tests set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
};

/// The octets of the message from `offset` on, at most `room`; empty: they cannot be read. The view
/// holds until the next call.
using TextSource = std::function<std::string_view(std::uint64_t offset, std::size_t room)>;

/// What became of the connection. `results` is parallel to the message's recipients.
struct Conversation {
  std::vector<smtp::RecipientResult> results;
  smtp::DeliveryDone done;
};

/// Delivers and says QUIT. `message` must outlive the await. Fault::temporary: no connection.
/// Limits: those of smtp::time_limit() for each reply, and 30 minutes and a second for each 10 KB
/// in all. Runs on the caller's event loop.
Task<Result<Conversation>> deliver(Host host, const smtp::OutboundMessage& message,
                                   TextSource source);

}  // namespace postern::relay
