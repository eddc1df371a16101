// Addresses without a domain, and the one mailbox that every host has: asked of a session and of
// `explain` alike.
#pragma once

#include <string_view>

#include "policy/directory.h"

namespace postern::policy {

/// What this host is called, and the domain of addresses without one; empty: the host's name.
/// Borrowed.
struct OwnNames {
  std::string_view hostname;
  std::string_view origin;
};

/// RFC 5321 §4.5.1: postmaster, without a domain or at this host, is always there.
bool is_own_postmaster(const mail::Mailbox& address, const OwnNames& names);
/// The address with a domain. <postmaster> is the host's own, whatever addresses without a domain
/// belong to.
mail::Mailbox completed(mail::Mailbox address, const OwnNames& names);
/// Who owns a recipient. The postmaster of this host goes by the route of its name where nobody
/// does.
Route route_of(const Directory& directory, const mail::Mailbox& address, const OwnNames& names);

}  // namespace postern::policy
