// Whether the layers of a configuration together are an open relay: the production engine is asked
// about clients all over the Internet.
#pragma once

#include <optional>
#include <string>

#include "base/ip.h"
#include "config/config.h"
#include "config/diagnostic.h"

namespace postern::app {

/// A dialogue by which unknown clients send mail to a foreign destination.
struct RelayWitness {
  std::string listener;  ///< its name
  IpAddress client;      ///< one of the clients; the others are all around it
  std::string sender;    ///< of MAIL FROM; empty: the null sender
  std::string layer;     ///< that granted the relaying: "lua", "vsl"
  std::string origin;    ///< where its rule stands: "policy.lua:12"; may be empty

  /// ", an open relay: a client at 198.51.100.7 says MAIL FROM:<…> and RCPT TO:<…>, and is answered
  /// 250".
  std::string dialogue() const;
};

/// Asks a copy of the engine of the configuration about unknown clients at each listener: 230
/// addresses, each with a foreign sender, the null sender and a sender of this host. Scripts of the
/// copy ask no server and write nothing: a grant that depends on a server's answer is missed.
/// nullopt: no such dialogue was found within a second. Blocks for some 50 ms with the usual
/// policies, and at most for a second and the time of one dialogue. Thread-safe.
std::optional<RelayWitness> find_open_relay(const Config& config);
/// A warning that a script makes the configuration an open relay. nullopt: no such dialogue was
/// found, or the configuration confirms that it is intended. Blocks as find_open_relay().
std::optional<Diagnostic> open_relay_warning(const Config& config);

}  // namespace postern::app
