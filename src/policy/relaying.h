// Relaying: a recipient without a webhook gets a route of kind `relay` here and nowhere else.
// Layers return grants (docs/decisions/0055). record.cc only restores recorded routes.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::policy {

struct Route;

/// Why mail is accepted for an address that no webhook owns.
enum class Grant : std::uint8_t {
  client,      ///< the client may relay: by its network or identity
  domain,      ///< the policy lists the recipient's domain, or the domain receives reports
  rules,       ///< the restriction lists permitted the recipient, for whatever reason
  postmaster,  ///< the mailbox that every host has (RFC 5321 §4.5.1)
  added,       ///< added by a script that may relay
  returned,    ///< accepted before, delegated to another SMTP service, and sent back by it
  nowhere,     ///< accepted and not delivered: the message is discarded, or the recipient replaced
};
/// The word in traces: "client", "domain", ...
std::string_view to_string(Grant grant);

/// Whether the grant turns the route into one of kind `relay`. False if the recipient has a route.
/// False also for `client` and `rules` if the address is unknown in a domain that this gateway
/// receives mail for: there is no other host to relay it to.
bool gives_route(Grant grant, const Route& route);
/// If gives_route(), sets the kind to `relay`. Returns whether it did.
bool grant_relay(Grant grant, Route& route);

}  // namespace postern::policy
