#include "relay/address_probe.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "relay/courier.h"
#include "relay/destination.h"

namespace postern::relay {

namespace {

constexpr std::size_t longest_reason = 400;

Verified::Kind kind_of(smtp::ResultClass klass) {
  switch (klass) {
    case smtp::ResultClass::delivered:
      return Verified::Kind::deliverable;
    case smtp::ResultClass::permanent:
      return Verified::Kind::undeliverable;
    case smtp::ResultClass::temporary:
    case smtp::ResultClass::none:
      break;
  }
  return Verified::Kind::deferred;
}

}  // namespace

std::string_view to_string(Verified::Kind kind) {
  switch (kind) {
    case Verified::Kind::deliverable:
      return "deliverable";
    case Verified::Kind::undeliverable:
      return "undeliverable";
    case Verified::Kind::deferred:
      break;
  }
  return "deferred";
}

std::optional<Verified> verified_without_probe(const RelayConfig& config,
                                               std::string_view local_part, std::string_view domain,
                                               bool ours) {
  if (const auto refusal = refusal_at_rcpt(config, local_part, domain)) {
    return Verified{Verified::Kind::undeliverable, printable(refusal->text, longest_reason)};
  }
  const Route& route = route_of(config, local_part, domain, any_sender);
  if (route.kind == Route::Kind::discard) {
    return Verified{Verified::Kind::deliverable, "a route discards its mail"};
  }
  if (route.kind == Route::Kind::maildir) {
    return Verified{Verified::Kind::deliverable, "a route keeps its mail in a folder"};
  }
  if (ours && route.is_default())
    return Verified{Verified::Kind::deliverable, "a domain of this server"};
  return std::nullopt;
}

Verified verified_by(const AttemptReport& report) {
  const smtp::RecipientResult& result = report.results.front();
  Verified verified{.kind = kind_of(result.klass), .why = {}};
  const std::size_t at = report.connection_of.front();
  // A host that does not offer enhanced codes may have one in its text, or none.
  const auto reply = [&] {
    const std::string enhanced = fmt::format("{}.{}.{} ", result.enhanced.klass,
                                             result.enhanced.subject, result.enhanced.detail);
    const bool named = (result.enhanced.subject != 0 || result.enhanced.detail != 0) &&
                       !result.text.starts_with(enhanced);
    return fmt::format("{} {}{}", result.code, named ? enhanced : "", result.text);
  };
  if (at == no_connection || at >= report.connections.size()) {
    verified.why = printable(result.text, longest_reason);
    return verified;
  }
  const ConnectionReport& connection = report.connections[at];
  verified.why = printable(
      fmt::format("host {}[{}]{}{}", connection.host, connection.address.to_string(),
                  result.code != 0 ? " said: " : ": ", result.code != 0 ? reply() : result.text),
      longest_reason);
  return verified;
}

Task<Verified> probe_address(Courier& courier, std::string sender, std::string recipient,
                             std::chrono::steady_clock::time_point until) {
  const smtp::OutboundMessage message{.reverse_path = std::move(sender),
                                      .recipients = {{.address = std::move(recipient)}},
                                      .probe = true};
  const TextSource no_text = [](std::uint64_t, std::size_t) { return std::string_view(); };
  const AttemptReport report = co_await courier.attempt(message, no_text, until);
  co_return verified_by(report);
}

}  // namespace postern::relay
