// The settings of a listener and the limits of its sessions. Immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "gateway/listener_tls.h"
#include "net/tls.h"
#include "policy/authentication.h"
#include "policy/layer.h"
#include "policy/reply_rewriter.h"
#include "smtp/limits.h"

namespace postern::gateway {

class AddressVerification;
class RemoteTables;

/// The unit of all waits.
using Milliseconds = std::chrono::milliseconds;

/// Time limits of one session (RFC 5321 §4.5.3.2 gives the minima that clients may expect).
struct Timeouts {
  Milliseconds command{300'000};       ///< for one command line (RFC 5321 §4.5.3.2.7)
  Milliseconds data_block{180'000};    ///< 64 KiB of message must arrive in this time
  Milliseconds session{3'600'000};     ///< of a whole session
  Milliseconds write{30'000};          ///< until the client reads replies
  Milliseconds tls_handshake{10'000};  ///< of one TLS handshake
  Milliseconds proxy_header{5'000};    ///< until the whole PROXY header has arrived
  std::uint64_t minimum_rate = 100;    ///< octets of message data per second; 0: none
  /// Time from the start of message data in which minimum_rate does not count.
  Milliseconds minimum_rate_after{30'000};
  Milliseconds error_delay{1'000};  ///< before each error reply from Limits::soft_errors on
};

/// Settings of one listener, shared by its sessions. A reload makes a new object; sessions that are
/// open keep theirs.
struct ListenerSettings {
  std::string name = "smtp";    ///< in logs, metrics and traces
  std::size_t connections = 0;  ///< concurrent; 0: only the limits of Admission
  smtp::ServerOptions session;  ///< starttls, auth and xclient are set per connection
  /// The domain that completes addresses without one (session.bare_addresses); empty:
  /// session.hostname.
  std::string origin;
  /// Completes domains of one label (policy::OwnNames::appended); empty: nothing does.
  std::string appended_domain;
  ListenerTls tls = ListenerTls::none;                 ///< how sessions use TLS
  std::shared_ptr<const net::TlsContext> certificate;  ///< null only with ListenerTls::none
  /// Asks clients for certificates; null: they are not asked.
  std::shared_ptr<const net::ClientCertificateCheck> clients;
  /// A client without a trusted certificate gets 421 after the handshake.
  bool client_certificate_required = false;
  bool proxy_required = false;  ///< each connection begins with a PROXY header
  CidrSet proxy_from;           ///< networks of proxies; others are closed
  CidrSet xclient_from;         ///< clients that may use XCLIENT
  /// Before the greeting; a client that speaks earlier gets 554 (RFC 5321 §4.3.1).
  Milliseconds pregreet_wait{0};
  Milliseconds auth_failure_delay{1'000};                 ///< before a 535; 0: none
  Timeouts timeouts;                                      ///< of each session
  std::shared_ptr<const policy::CurrentEngine> engine;    ///< not null
  std::shared_ptr<const policy::ReplyRewriter> rewriter;  ///< null: replies are not rewritten
  std::shared_ptr<const policy::ReplyRewriter> footer;    ///< after `rewriter`; null: none
  /// Whether replies are rewritten at all.
  bool rewrites() const { return rewriter != nullptr || footer != nullptr; }
  /// Options of SPF, DKIM, DMARC and ARC checks.
  policy::AuthenticationOptions authentication;
  /// Messages in 24 hours that may have one passing DKIM signature (RFC 6376 §8.6); 0: unlimited.
  std::uint64_t dkim_replay_limit = 0;
  std::shared_ptr<RemoteTables> tables;  ///< of the restriction lists; null: none
  /// Of the restriction lists; null: none. Outlives all sessions.
  AddressVerification* addresses = nullptr;
  std::string body_directory;  ///< of temporary files for bodies above the memory threshold

  /// Other settings for clients in `peer` that connected to an own address in `via`; nullopt: any.
  struct Variant {
    std::optional<Cidr> peer;  ///< the client's network
    std::optional<Cidr> via;   ///< the network of the own address
    std::shared_ptr<const ListenerSettings> settings;
  };
  /// In any order, see settings_for().
  std::vector<Variant> variants;
};

/// The settings of a connection: among the variants that match both addresses the one with the
/// smallest networks, where the client's network counts first; without a match `settings`.
std::shared_ptr<const ListenerSettings> settings_for(
    const std::shared_ptr<const ListenerSettings>& settings, const IpAddress& client,
    const IpAddress& own);

}  // namespace postern::gateway
