// Reports to the operator whether DNSSEC validation works: without it, DANE has no effect, which is
// otherwise invisible.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "net/dnssec.h"

namespace postern::app {

/// Why TLSA records are ignored although `relay.dane` is on; nullopt: they are used, or need not
/// be.
std::optional<std::string> dane_warning(const Config& config, const net::DnssecState& state);

/// Queries the configured name servers for at most about 2 s. The error is the resolver's. Blocks.
Result<net::DnssecState> probe_dnssec(const Config& config);

/// Logs `dns.dnssec`: a warning if DANE has no effect. The resolver's own message is logged at
/// level debug.
void log_dnssec(const Config& config, const net::DnssecState& state);
/// Sets the gauge `postern_dnssec`.
void show_dnssec(const net::DnssecState& state);

}  // namespace postern::app
