// One delivery attempt: takes recipients and gives a result for each. It looks up the next hops,
// connects to host after host and address after address, and keeps connections for later messages.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "dns/resolver.h"
#include "relay/connection.h"
#include "relay/relay_config.h"
#include "relay/scheduler.h"
#include "smtp/outbound.h"

namespace postern::relay {

/// One connection of an attempt, or the failure to make one.
struct ConnectionReport {
  std::string host;                ///< as the MX record or the route names it
  IpAddress address;               ///< the address of the host
  std::uint16_t port = smtp_port;  ///< the port of the host
  std::string source;              ///< the local address as text; empty: there was no connection
  std::string pool;                ///< name of the egress pool; empty: none
  std::string egress;     ///< name of the source in that pool; empty: the system chose the address
  std::string ehlo_name;  ///< our name in EHLO
  TlsLevel level = TlsLevel::may;  ///< the required level
  bool without_tls = false;        ///< in the clear at level may, after a failed handshake
  bool reused = false;             ///< the connection was opened for an earlier message
  std::string tls_version;         ///< "TLSv1.3"; empty: in the clear
  std::string tls_cipher;          ///< empty: in the clear
  bool verified = false;           ///< the certificate matches the names or the TLSA records
  bool dsn_offered = false;        ///< the host sends success reports itself (RFC 3461 §5.2.1)
  std::string error;               ///< why there was no connection
  bool chunking_failed = false;    ///< the connection broke in BDAT: the host gets DATA for a day
  smtp::RecipientResult result;    ///< of the first recipient that was tried here
};

/// For AttemptReport::connection_of: no connection.
inline constexpr std::size_t no_connection = SIZE_MAX;

/// What an attempt did, and its results. Plain values, for the queue, the trace and reports.
struct AttemptReport {
  std::vector<smtp::RecipientResult> results;  ///< parallel to the recipients; never `none`
  /// For each recipient, the index of the connection that gave its result, or no_connection.
  std::vector<std::size_t> connection_of;
  Contact contact = Contact::connection_failed;  ///< what the scheduler learns

  std::string route;                  ///< RouteSettings::name
  std::vector<std::string> next_hop;  ///< the route as in to_texts(), also `discard` and `error:`
  Answers dns;                        ///< all DNS answers used: route() decides the same from them
  std::vector<Skipped> skipped;       ///< hosts that were not tried, with the reason
  std::vector<ConnectionReport> connections;  ///< in the order of time
  bool our_fault = false;                     ///< one of our routes leads nowhere: raise an alarm
  std::string trouble;               ///< of a table or a password, for the log alone; empty: none
  bool credentials_refused = false;  ///< a smart host refused our credentials: raise an alarm
};

/// Settings of a courier.
struct CourierOptions {
  /// Time limit of one DNS question.
  std::chrono::milliseconds question_limit = std::chrono::seconds(5);
  /// Limits every wait for a host. RFC 5321 §4.5.3.2 requires minutes, so only tests set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// Idle connections kept for later messages, in all.
  std::size_t idle_connections = 200;
  /// How long an idle connection is kept.
  std::chrono::milliseconds idle_limit = std::chrono::seconds(5);
  Random random;  ///< empty: a generator of its own
};

/// Not thread-safe: make one for each event loop; they may share a configuration. Everything that
/// it starts ends with its loop.
class Courier {
 public:
  /// `resolver` must outlive the courier. `config` is not null.
  Courier(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver,
          CourierOptions options = {});
  ~Courier();

  /// Tries every recipient of `message` once. All should have the same destination_of(); others, as
  /// after a change of routes, are tried after those of the first destination. `message` and what
  /// `source` reads must outlive the await. After `until` nothing is tried or sent; only the reply
  /// to a message that was sent completely is awaited.
  Task<AttemptReport> attempt(
      const smtp::OutboundMessage& message, TextSource source,
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());

  /// Sets the configuration for attempts that begin later.
  void use(std::shared_ptr<const RelayConfig> config);
  /// Sends QUIT on all idle connections. Running attempts keep their connections until they end.
  void close_idle();
  /// Number of idle connections.
  std::size_t idle() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postern::relay
