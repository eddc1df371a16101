#include "relay/destination.h"

#include "base/text.h"
#include "mail/address.h"

namespace postern::relay {

namespace {

bool is_literal(std::string_view domain) { return domain.starts_with('['); }

std::string normal_domain(std::string_view domain) {
  const Result<mail::Domain> parsed = mail::Domain::parse(domain);
  return parsed ? parsed->text() : lower(domain);
}

}  // namespace

const Route& route_of(const RelayConfig& config, std::string_view local_part,
                      std::string_view domain) {
  static const Route plain;
  if (is_literal(domain)) return plain;
  return config.routes.find(local_part, normal_domain(domain));
}

std::string destination_of(const RelayConfig& config, std::string_view local_part,
                           std::string_view domain) {
  if (is_literal(domain)) return lower(domain);
  std::string normal = normal_domain(domain);
  const Route& route = config.routes.find(local_part, normal);
  std::string name;
  if (route.kind == Route::Kind::mx) {
    name = route.mx_domain.empty() ? std::move(normal) : route.mx_domain;
  } else {
    for (const std::string& hop : to_texts(route)) name += (name.empty() ? "" : ", ") + hop;
  }
  const auto& pool = config.settings_of(route).pool;
  if (pool != nullptr) name += " from " + pool->name;
  return name;
}

std::optional<smtp::Reply> refusal_at_rcpt(const RelayConfig& config, std::string_view local_part,
                                           std::string_view domain) {
  const auto refusal = [](std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
    return smtp::Reply{.code = code, .enhanced = enhanced, .text = std::move(text)};
  };
  const Recipient recipient{.local_part = std::string(local_part), .domain = std::string(domain)};
  const Route& route = route_of(config, local_part, domain);
  if (!is_literal(domain) && route.kind != Route::Kind::error) {
    // Whatever else there is to say of it needs DNS.
    if (mail::Domain::parse(domain)) return std::nullopt;
    return refusal(501, {5, 1, 3}, "the domain of the address is malformed");
  }
  const auto step = relay::route(config.routing, config.routes, recipient, {});
  const auto* const routed = std::get_if<Routed>(&step);
  if (routed == nullptr || routed->kind != Routed::Kind::permanent) return std::nullopt;
  return routed->reply;
}

}  // namespace postern::relay
