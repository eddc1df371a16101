#include "config/verification_options.h"

#include "dialect/restrictions/layer.h"
#include "relay/address_probe.h"

namespace postern::app {

using dialect::restrictions::Verification;
using relay::Verified;

std::shared_ptr<const Verification> verification_of(const RestrictionsConfig& lists) {
  const auto* const loaded = lists.loaded();
  if (loaded == nullptr || !loaded->compiled.policy) return nullptr;
  return {loaded->compiled.policy, &loaded->compiled.policy->verification};
}

relay::VerifiedTimes verified_times(const Verification& parameters) {
  return {.positive_refresh = parameters.positive_refresh,
          .positive_expire = parameters.positive_expire,
          .negative_refresh = parameters.negative_refresh,
          .negative_expire = parameters.negative_expire,
          .keep_negative = parameters.negative_cache};
}

std::optional<Verified> verified_at_once(const Verification& parameters,
                                         const relay::RelayConfig& relay,
                                         const mail::Mailbox& address, bool ours,
                                         std::chrono::system_clock::time_point now) {
  if (parameters.is_probe_sender(address, now)) {
    return Verified{Verified::Kind::deliverable, "the sender of our own probes"};
  }
  return relay::verified_without_probe(relay, address.local_part, address.domain, ours);
}

std::string verification_text(const Verified& verified) {
  return std::string(to_string(verified.kind)) + " " + verified.why;
}

}  // namespace postern::app
