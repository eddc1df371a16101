// What the gateway is told at start: a listener's rules and the limits of its sessions. Immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "net/tls.h"
#include "policy/authentication.h"
#include "policy/layer.h"
#include "policy/reply_rewriter.h"
#include "smtp/limits.h"

namespace postern::gateway {

class RemoteTables;

using Milliseconds = std::chrono::milliseconds;

/// Waits of one session (RFC 5321 §4.5.3.2 says what a client may count on).
struct Timeouts {
  Milliseconds command{300'000};
  Milliseconds data_block{180'000};  ///< 64 KiB of message must arrive in this time
  Milliseconds session{3'600'000};
  Milliseconds write{30'000};
  Milliseconds tls_handshake{10'000};
  Milliseconds proxy_header{5'000};
  std::uint64_t minimum_rate = 100;  ///< octets a second of message data; 0: none
  Milliseconds minimum_rate_after{30'000};
  Milliseconds error_delay{1'000};  ///< before each error reply from Limits::soft_errors on
};

enum class ListenerTls : std::uint8_t { none, starttls, implicit };

/// One listener, shared by its sessions; a reload makes a new one and leaves theirs to them.
struct ListenerSettings {
  std::string name = "smtp";
  std::size_t connections = 0;  ///< at a time; 0: no limit of its own
  smtp::ServerOptions session;  ///< starttls, auth and xclient are set per connection
  /// The domain of addresses without one (session.bare_addresses): myorigin of the lists; empty:
  /// session.hostname.
  std::string origin;
  ListenerTls tls = ListenerTls::none;
  std::shared_ptr<const net::TlsContext> certificate;  ///< null only with ListenerTls::none
  bool proxy_required = false;
  CidrSet proxy_from;
  CidrSet xclient_from;
  Milliseconds pregreet_wait{0};
  Milliseconds auth_failure_delay{1'000};  ///< before a 535
  Timeouts timeouts;
  std::shared_ptr<const policy::CurrentEngine> engine;
  std::shared_ptr<const policy::ReplyRewriter> rewriter;  ///< null: replies stay as they are
  policy::AuthenticationOptions authentication;
  /// Messages of 24 hours with one passing DKIM signature; 0: any number.
  std::uint64_t dkim_replay_limit = 0;
  std::shared_ptr<RemoteTables> tables;  ///< of the engine's lists; null: none
  std::string body_directory;            ///< for message bodies over the memory threshold

  /// Other settings for clients of `peer` that came to an address of `via`; nullopt: any.
  struct Variant {
    std::optional<Cidr> peer;
    std::optional<Cidr> via;
    std::shared_ptr<const ListenerSettings> settings;
  };
  std::vector<Variant> variants;
};

/// Those for a connection: of the variants that are for both its ends the one with the smallest
/// networks, the client's first; else `settings`.
std::shared_ptr<const ListenerSettings> settings_for(
    const std::shared_ptr<const ListenerSettings>& settings, const IpAddress& client,
    const IpAddress& own);

}  // namespace postern::gateway
