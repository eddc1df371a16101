// Where verdicts of DNSSEC come from, told to whoever runs the gateway: DANE without them does
// nothing, and nobody would see it.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "net/dnssec.h"

namespace postern::app {

/// state.text() without the resolver's own words on an answer, which stand in parentheses.
std::string brief_dnssec(const net::DnssecState& state);

/// What keeps TLSA records from counting though `relay.dane` wants them; nothing when they count or
/// need not.
std::optional<std::string> dane_warning(const Config& config, const net::DnssecState& state);

/// Asks the configured name servers, for about 2 s at most. The error is the resolver's.
Result<net::DnssecState> probe_dnssec(const Config& config);

/// `dns.dnssec` in the log: a warning when DANE does not act; the resolver's own words at level
/// debug.
void log_dnssec(const Config& config, const net::DnssecState& state);
/// The gauge `postern_dnssec`.
void show_dnssec(const net::DnssecState& state);

}  // namespace postern::app
