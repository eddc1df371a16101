// The SMTP families with every series looked up beforehand: what an event loop counts costs an
// addition, not a search for labels.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/metrics.h"

namespace postern::telemetry {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  help,
  starttls,
  auth,
  other
};
inline constexpr std::size_t verb_count = 14;

/// Why a connection was turned away at the greeting.
enum class Turned : std::uint8_t {
  limit,
  address_limit,
  rate,
  proxy,
  early_talker,
  draining,
  resources
};
inline constexpr std::size_t turned_count = 7;

enum class Handshake : std::uint8_t { ok, failed, timeout };

/// Counts one listener's connections, sessions and messages.
class ListenerMetrics {
 public:
  ListenerMetrics(Metrics& families, const std::string& listener);

  void connected();
  /// The open connection is encrypted from here on; `version` is "TLSv1.3" or "TLSv1.2".
  void handshake(Handshake result, std::string_view version);
  void turned_away(Turned why) { turned_[static_cast<std::size_t>(why)].add(); }
  /// `version` is empty without TLS; `end` is quit, dropped, timeout, refused, shutdown or error.
  void ended(std::string_view version, std::string_view end, std::chrono::nanoseconds took);
  /// A message whose text arrived: accepted, rejected, deferred, quarantined or aborted.
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

/// Counts commands and replies of all listeners.
class DialogueMetrics {
 public:
  explicit DialogueMetrics(Metrics& families);

  void command(Verb verb, std::uint16_t code);
  /// `stage` counts from 0 as policy::Stage does; the three numbers are the enhanced status code,
  /// zeros when the reply has none.
  void reply(std::size_t stage, std::uint16_t code, unsigned klass, unsigned subject,
             unsigned detail);

 private:
  static std::atomic<std::uint64_t> next_id;

  Metrics& families_;
  std::uint64_t id_;  ///< tells the caches of threads whose they are
  std::array<std::uint8_t, 600> code_place_{};
  std::vector<Counter> commands_;  ///< by verb, then code
};

}  // namespace postern::telemetry
