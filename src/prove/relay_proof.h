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
/// copy ask no server and write nothing, so that a grant that depends on an answer is not found.
/// nullopt: no such dialogue was found within a second. Blocks for some 50 ms with the usual
/// policies, and at most for a second and the time of one dialogue. Thread-safe.
std::optional<RelayWitness> find_open_relay(const Config& config);
/// A warning about a policy of scripts by which the layers are an open relay; nullopt: none was
/// found, or the configuration says that it is meant. Blocks as find_open_relay().
std::optional<Diagnostic> open_relay_warning(const Config& config);

}  // namespace postern::app
