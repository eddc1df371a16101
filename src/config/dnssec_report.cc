#include "config/dnssec_report.h"

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>

#include "config/room_options.h"
#include "net/unbound_resolver.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

std::optional<std::string> dane_warning(const Config& config, const net::DnssecState& state) {
  if (!config.relay.dane || state.proves()) return std::nullopt;
  return fmt::format(
      "DANE protects no mail, though `relay.dane` is true: DNSSEC is {}; set it up (docs/relay.md, "
      "DNSSEC), or set `dane = false` in [relay]",
      state.brief());
}

Result<net::DnssecState> probe_dnssec(const Config& config) {
  boost::asio::io_context loop(1);
  const auto opened = net::UnboundResolver::open(loop.get_executor(), resolver_options(config));
  if (!opened) return tl::unexpected(opened.error());
  return (*opened)->dnssec();
}

void log_dnssec(const Config& config, const net::DnssecState& state) {
  if (const auto warning = dane_warning(config, state)) {
    telemetry::log::warning("dns.dnssec").msg(*warning);
  } else {
    telemetry::log::info("dns.dnssec").msg("DNSSEC: " + state.brief());
  }
  if (!state.words.empty()) telemetry::log::debug("dns.dnssec").msg("DNSSEC: " + state.text());
}

void show_dnssec(const net::DnssecState& state) {
  using Kind = net::DnssecState::Kind;
  for (const Kind kind : {Kind::validating, Kind::trusting, Kind::off})
    telemetry::metrics().dnssec.gauge({net::to_string(kind)}).set(kind == state.kind ? 1 : 0);
}

}  // namespace postern::app
