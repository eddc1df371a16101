// Address verification: asks a recipient's mail hosts whether they would take mail for it
// (docs/restriction-lists.md, "Address verification").
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.h"
#include "relay/verified.h"

namespace postern::relay {

class Courier;
struct AttemptReport;
struct RelayConfig;

/// The result that routes determine without asking a host: mail that a route discards or keeps in a
/// folder is deliverable, what a route refuses is not. `ours`: the recipient's domain is one of
/// this server's, so that without a route there is no host to ask. Nullopt: hosts must be asked.
std::optional<Verified> verified_without_probe(const RelayConfig& config,
                                               std::string_view local_part, std::string_view domain,
                                               bool ours);

/// The result of an attempt with smtp::OutboundMessage::probe.
Verified verified_by(const AttemptReport& report);

/// Asks the hosts to which mail for `recipient` would go, as mail from `sender` (empty: the null
/// reverse-path) up to RCPT. The addresses are as in the envelope, without brackets. At `until` the
/// result is `deferred`. `courier` outlives the task.
Task<Verified> probe_address(Courier& courier, std::string sender, std::string recipient,
                             std::chrono::steady_clock::time_point until);

}  // namespace postern::relay
