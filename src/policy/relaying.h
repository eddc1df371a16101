// Relaying: every recipient that is relayed without a webhook gets its route here. Layers return
// grants; no other code decides on a route of kind `relay` (record.cc restores recorded ones).
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/evidence.h"

namespace postern::policy {

/// Why mail is accepted for an address that no webhook owns.
enum class Grant : std::uint8_t {
  client,      ///< the client may relay: by its network or identity
  domain,      ///< the policy lists the recipient's domain, or the domain receives reports
  rules,       ///< the rules for the recipient permitted it, on any grounds
  postmaster,  ///< the mailbox that every host has (RFC 5321 §4.5.1)
  added,       ///< added by a script that may relay
  returned,    ///< accepted before, returned by a delegated service
  nowhere,     ///< not delivered: the message is discarded, or another recipient replaces it
};
/// The word in traces: "client", "domain", ...
std::string_view to_string(Grant grant);

/// Whether the grant applies to such a route. A route with an owner needs none. With `client` and
/// `rules` an unknown address in a webhook's domain stays unknown: there is no other host to relay
/// it to.
bool gives_route(Grant grant, const Route& route);
/// If gives_route(), sets the kind to `relay`. Returns whether it did.
bool grant_relay(Grant grant, Route& route);

}  // namespace postern::policy
