// Address verification as the parameters of restriction lists and the routes set it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "dialect/restrictions/verification.h"
#include "mail/address.h"
#include "relay/relay_config.h"
#include "relay/verified_addresses.h"

namespace postern::app {

/// The parameters of the lists in force; nullptr: there are no lists.
std::shared_ptr<const dialect::restrictions::Verification> verification_of(
    const RestrictionsConfig& lists);

/// How long results are used.
relay::VerifiedTimes verified_times(const dialect::restrictions::Verification& parameters);

/// The result for an address that no mail host must be asked about: the sender of probes, and what
/// routes determine. `ours`: its domain is one of this server's. Nullopt: hosts must be asked.
std::optional<relay::Verified> verified_at_once(
    const dialect::restrictions::Verification& parameters, const relay::RelayConfig& relay,
    const mail::Mailbox& address, bool ours, std::chrono::system_clock::time_point now);

/// A result in the form of policy::Consultation::answer.
std::string verification_text(const relay::Verified& verified);

}  // namespace postern::app
