// The metrics of SMTP sessions. Handles are looked up in advance, so that counting is fast.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/protocol_error.h"
#include "telemetry/metrics.h"

namespace postern::telemetry {

/// Commands with their own series.
enum class Verb : std::uint8_t { helo, ehlo, mail, rcpt, data, quit, starttls, auth, other };
/// Number of enumerators.
inline constexpr std::size_t verb_count = 9;

/// Why a connection was rejected at the greeting or ended early; the label `reason` of
/// postern_smtp_connections_refused_total.
enum class Turned : std::uint8_t {
  limit,          ///< limits.sessions or limits.memory
  address_limit,  ///< limits.sessions_per_address
  rate,           ///< limits.new_sessions_per_minute
  proxy,          ///< no valid PROXY header
  early_talker,   ///< the client sent data before the greeting
  draining,       ///< the gateway is stopping
  replaced,       ///< ended later: a new connection got its place
  certificate     ///< no trusted client certificate, which the listener requires
};
/// Number of enumerators.
inline constexpr std::size_t turned_count = 8;

/// The result of a TLS handshake.
enum class Handshake : std::uint8_t { ok, failed, timeout };

/// A client violated the protocol. Thread-safe.
void protocol_error(smtp::ProtocolError kind);

/// Counts one listener's connections, sessions and messages. Thread-safe.
class ListenerMetrics {
 public:
  /// Looks up the handles. `families` outlives this object.
  ListenerMetrics(Metrics& families, const std::string& listener);

  /// A connection was accepted.
  void connected();
  /// A handshake ended; after `ok` the connection counts as encrypted. `version` is "TLSv1.3" or
  /// "TLSv1.2".
  void handshake(Handshake result, std::string_view version);
  /// The connection was rejected at the greeting.
  void turned_away(Turned why) { turned_[static_cast<std::size_t>(why)].add(); }
  /// The session ended. `version` is empty without TLS; `end` is quit, dropped, timeout, refused,
  /// replaced, shutdown or error.
  void ended(std::string_view version, std::string_view end, std::chrono::nanoseconds took);
  /// A message was received completely. `result` is accepted, rejected or
  /// deferred.
  void message(std::string_view result, std::uint64_t octets);

 private:
  Metrics& families_;
  std::string listener_;
  Gauge plain_;
  Gauge encrypted_;
  Counter connections_;
  std::array<Counter, turned_count> turned_;
  Histogram duration_;
  Histogram size_;
  Counter octets_;
};

/// Counts commands and replies of all listeners. Thread-safe.
class DialogueMetrics {
 public:
  /// `families` outlives this object.
  explicit DialogueMetrics(Metrics& families);

  /// A command was answered with the reply code `code`.
  void command(Verb verb, std::uint16_t code);
  /// A reply was sent. `stage`: the index of the policy::Stage of the command. `klass`, `subject`
  /// and `detail`: the enhanced status code (RFC 3463 §2); 0, 0, 0 if the reply has none.
  void reply(std::size_t stage, std::uint16_t code, unsigned klass, unsigned subject,
             unsigned detail);

 private:
  static std::atomic<std::uint64_t> next_id;

  Metrics& families_;
  std::uint64_t id_;  ///< identifies this object in the threads' caches
  std::array<std::uint8_t, 600>
      code_place_{};               ///< by reply code: 1 + its position in the set; 0: outside
  std::vector<Counter> commands_;  ///< by verb, then by code
};

}  // namespace postern::telemetry
