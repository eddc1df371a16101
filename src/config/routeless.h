// Mail that restriction lists accept, and that nothing in the configuration says where to take.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "relay/route.h"

namespace postern::app {

/// The domains of one parameter of [restrictions] whose mail is accepted, and has no place.
struct Routeless {
  std::string parameter;             ///< "virtual_mailbox_domains"
  std::vector<std::string> domains;  ///< in the order of the file
  std::vector<std::string> tables;   ///< tables that hold further ones, which cannot be listed
  /// Where all other mail goes, by the route of `*`; empty: to the MX hosts of its domain.
  std::vector<std::string> rest;
  /// Postfix would deliver it on this machine, so the route of `*` is not meant for it.
  bool is_final = false;
};

/// The domains of mydestination, virtual_alias_domains, virtual_mailbox_domains and relay_domains,
/// as far as the file names them, without a [[route]]. A route of `*` has those of relay_domains,
/// and the others if it does not lead to another host. None if a script may choose next hops, or
/// the lists accept nothing (shadow). Domains of accounts are not known here.
std::vector<Routeless> routeless_domains(const Config& config, const relay::RouteTable& routes);

/// What is wrong, in one sentence.
std::string message_of(const Routeless& one);
/// The route to write, and what else would do.
std::string hint_of(const Routeless& one);

}  // namespace postern::app
