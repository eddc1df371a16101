#include "relay/destination.h"

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"
#include "mail/hostname.h"
#include "mail/literal.h"

namespace postern::relay {

namespace {

/// One spelling, so that a host has one queue no matter how clients write its address.
std::string normal_literal(std::string_view domain) {
  const std::optional<IpAddress> address = mail::literal_address(domain);
  return address ? mail::literal_of(*address) : lower(domain);
}

constexpr std::string_view from = " from ";

/// Whether each domain of the route has a queue of its own.
bool by_domain(const Route& route) {
  // What a table says is known only at the attempt.
  return !route.tables.empty() || (route.kind == Route::Kind::mx && route.mx_domain.empty());
}

std::string name_of(const RelayConfig& config, const Route& route, std::string domain) {
  std::string name;
  if (by_domain(route)) {
    name = std::move(domain);
  } else if (route.kind == Route::Kind::mx) {
    name = route.mx_domain;
  } else {
    for (const std::string& hop : to_texts(route)) name += (name.empty() ? "" : ", ") + hop;
  }
  const auto& pool = config.settings_of(route).pool;
  if (pool != nullptr) name.append(from).append(pool->name);
  return name;
}

/// Makes `shared` the stricter of both.
void tighten(DestinationLimits& shared, const DestinationLimits& limits) {
  if (limits.max_connections) {
    shared.max_connections =
        std::min(shared.max_connections.value_or(*limits.max_connections), *limits.max_connections);
  }
  if (limits.messages_per_minute != 0) {
    shared.messages_per_minute =
        shared.messages_per_minute == 0
            ? limits.messages_per_minute
            : std::min(shared.messages_per_minute, limits.messages_per_minute);
  }
}

}  // namespace

std::string normal_domain(std::string_view domain) {
  if (is_literal(domain)) return normal_literal(domain);
  const Result<mail::Domain> parsed = mail::Domain::parse(domain);
  return parsed ? parsed->text() : lower(domain);
}

const Route& route_of(const RelayConfig& config, std::string_view local_part,
                      std::string_view domain, std::string_view sender) {
  static const Route plain;
  if (is_literal(domain)) return plain;
  return config.routes.find(local_part, normal_domain(domain), sender);
}

std::string destination_of(const RelayConfig& config, std::string_view local_part,
                           std::string_view domain, std::string_view sender) {
  if (is_literal(domain)) return normal_literal(domain);
  std::string normal = normal_domain(domain);
  const Route& route = config.routes.find(local_part, normal, sender);
  return name_of(config, route, std::move(normal));
}

void add_limits(RelayConfig& config, std::string_view match, const Route& route) {
  const DestinationLimits& limits = config.settings_of(route).limits;
  const bool any_domain = match == "*" || match.starts_with('.');
  if (any_domain && by_domain(route)) return;
  const std::string_view domain = match.substr(match.rfind('@') + 1);
  const auto [at, fresh] =
      config.limits_at.emplace(name_of(config, route, normal_domain(domain)), limits);
  if (!fresh) tighten(at->second, limits);
}

DestinationLimits limits_of(const RelayConfig& config, std::string_view destination) {
  const auto known = config.limits_at.find(destination);
  if (known != config.limits_at.end()) return known->second;
  // A domain that only `.parent` or `*` matches.
  const std::string_view domain = destination.substr(0, destination.find(from));
  if (is_literal(domain)) return {};
  DestinationLimits limits;
  for (const Route* route : config.routes.all_of(normal_domain(domain))) {
    if (by_domain(*route) && name_of(config, *route, std::string(domain)) == destination)
      tighten(limits, config.settings_of(*route).limits);
  }
  return limits;
}

std::optional<smtp::Reply> refusal_at_rcpt(const RelayConfig& config, std::string_view local_part,
                                           std::string_view domain) {
  const auto refusal = [](std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
    return smtp::Reply{.code = code, .enhanced = enhanced, .text = std::move(text)};
  };
  const Recipient recipient{.local_part = std::string(local_part), .domain = std::string(domain)};
  const Route& route = route_of(config, local_part, domain, any_sender);
  const bool certain = route.kind == Route::Kind::error && route.tables.empty();
  if (!is_literal(domain) && !certain) {
    // Anything else needs DNS, or a table.
    if (mail::Domain::parse(domain)) return std::nullopt;
    return refusal(501, {5, 1, 3}, "the domain of the address is malformed");
  }
  const auto step = relay::route(config.routing, route, recipient, {});
  const auto* const routed = std::get_if<Routed>(&step);
  if (routed == nullptr || routed->kind != Routed::Kind::permanent) return std::nullopt;
  return routed->reply;
}

mail::Mailbox qualified(const mail::Mailbox& address, const RelayConfig& config,
                        std::string_view hostname) {
  const auto own = [&](const IpAddress& ip) {
    return ip.is_loopback() || std::any_of(config.routing.self.begin(), config.routing.self.end(),
                                           [&](const Endpoint& one) { return one.address == ip; });
  };
  const auto literal = mail::literal_address(address.domain);
  if (!literal || !own(*literal)) return address;
  return {address.local_part, std::string(hostname)};
}

std::optional<smtp::Reply> refusal_of(const mail::Mailbox& recipient, const RelayConfig& config,
                                      std::string_view hostname) {
  const mail::Mailbox address = qualified(recipient, config, hostname);
  return refusal_at_rcpt(config, address.local_part, address.domain);
}

}  // namespace postern::relay
