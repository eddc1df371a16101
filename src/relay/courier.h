// One attempt to hand a message on: from the recipients to one result for each. It looks up where
// to go, connects host by host and address by address, and keeps connections for the next message.
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

/// One connection of an attempt, or the failure to get one.
struct ConnectionReport {
  std::string host;  ///< as MX or route name it
  IpAddress address;
  std::uint16_t port = smtp_port;
  std::string source;     ///< our address in text; empty: there was no connection
  std::string pool;       ///< of egress addresses; empty: none
  std::string egress;     ///< the source of that pool; empty: the machine chose the address
  std::string ehlo_name;  ///< what we called ourselves
  TlsLevel level = TlsLevel::may;
  bool without_tls = false;  ///< level may, and a handshake had failed at this host lately
  bool reused = false;       ///< opened for an earlier message
  std::string tls_version;   ///< "TLSv1.3"; empty: in the clear
  std::string tls_cipher;
  bool verified = false;         ///< the certificate is right for the names, or the TLSA records
  bool dsn_offered = false;      ///< the host reports success itself (RFC 3461 §5.2.2)
  std::string error;             ///< why there was no connection
  bool chunking_failed = false;  ///< lost in BDAT: the host gets DATA for a day
  smtp::RecipientResult result;  ///< of the first recipient that was tried here
};

inline constexpr std::size_t no_connection = SIZE_MAX;

/// What an attempt did and what became of it. Plain values, for the queue, the trace and reports.
struct AttemptReport {
  std::vector<smtp::RecipientResult> results;  ///< one a recipient, in their order; never `none`
  /// For each recipient the connection that its result comes from, or no_connection.
  std::vector<std::size_t> connection_of;
  Contact contact = Contact::connection_failed;

  std::string route;  ///< RouteSettings::name
  std::vector<std::string>
      next_hop;                  ///< the route as to_texts() has it; `discard` and `error:` too
  Answers dns;                   ///< all that was asked: with it route() says the same again
  std::vector<Skipped> skipped;  ///< hosts that were not tried, and why
  std::vector<ConnectionReport> connections;
  bool our_fault = false;            ///< a route of ours leads nowhere: for an alarm
  bool credentials_refused = false;  ///< ours, by a smart host: for an alarm
};

struct CourierOptions {
  /// Of one DNS question.
  std::chrono::milliseconds question_limit = std::chrono::seconds(5);
  /// RFC 5321 §4.5.3.2 wants minutes, so only tests set it.
  std::chrono::milliseconds longest_wait = std::chrono::hours(1);
  /// Connections kept for the next message, in all, and each for how long (relay rule C2).
  std::size_t idle_connections = 200;
  std::chrono::milliseconds idle_limit = std::chrono::seconds(5);
  Random random;  ///< empty: one of its own
};

/// Lives on one event loop and is not thread-safe: make one for each loop, of one shared
/// configuration. Everything it starts ends with its loop.
class Courier {
 public:
  /// `resolver` must outlive it.
  Courier(std::shared_ptr<const RelayConfig> config, dns::Resolver& resolver,
          CourierOptions options = {});
  ~Courier();

  /// Tries every recipient of `message` once. They should have the same destination_of(); those of
  /// another one, as after a change of routes, are tried after the first's. `message` must outlive
  /// the await, and so must what `source` reads. From `until` on nothing more is tried or said;
  /// only the reply to a message that was said to its end is waited for.
  Task<AttemptReport> attempt(
      const smtp::OutboundMessage& message, TextSource source,
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());

  /// Another configuration, for attempts that begin from now on.
  void use(std::shared_ptr<const RelayConfig> config);
  /// Says QUIT on every idle connection. Attempts that run keep theirs until they are done.
  void close_idle();
  std::size_t idle() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace postern::relay
