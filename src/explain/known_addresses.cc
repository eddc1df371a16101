#include "explain/known_addresses.h"

#include <chrono>

#include "config/relay_options.h"
#include "config/verification_options.h"
#include "policy/consultations.h"
#include "relay/destination.h"

namespace postern::app {

struct KnownAddresses::Routes {
  std::shared_ptr<const dialect::restrictions::Verification> parameters;  ///< null: no lists
  relay::RelayConfig relay;
};

KnownAddresses::KnownAddresses(const Config& config)
    : routes_(std::make_shared<const Routes>(
          Routes{.parameters = verification_of(config.restrictions),
                 .relay = read_relay(config, RelayFiles::none, [](RelayComplaint) {})})) {}

std::optional<std::string> KnownAddresses::answer(const policy::Consultation& question) const {
  const bool ours = question.service == policy::verify_own_service;
  if (!routes_->parameters || (!ours && question.service != policy::verify_service)) {
    return std::nullopt;
  }
  const auto said = mail::parse_mailbox(std::string(policy::verified_address(question.request)),
                                        mail::Utf8::allowed);
  if (!said) return std::nullopt;
  const relay::RelayConfig& relay = routes_->relay;
  const auto known = verified_at_once(*routes_->parameters, relay,
                                      relay::qualified(*said, relay, relay.routing.hostname), ours,
                                      std::chrono::system_clock::now());
  return known ? std::optional(verification_text(*known)) : std::nullopt;
}

bool KnownAddresses::is_own_literal(const mail::Mailbox& address) const {
  const relay::RelayConfig& relay = routes_->relay;
  return relay::qualified(address, relay, relay.routing.hostname).domain != address.domain;
}

}  // namespace postern::app
