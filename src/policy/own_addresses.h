// Addresses without a domain, and the postmaster of this host; for sessions and for `explain`.
#pragma once

#include <string_view>

#include "policy/directory.h"

namespace postern::policy {

/// This host's names. Borrowed.
struct OwnNames {
  std::string_view hostname;  ///< host name, also the domain of the postmaster
  std::string_view origin;    ///< domain of addresses without one; empty: the host name
};

/// Whether it is <postmaster> or the postmaster of this host, which always exists
/// (RFC 5321 §4.5.1).
bool is_own_postmaster(const mail::Mailbox& address, const OwnNames& names);
/// The address with a domain: `origin`, for <postmaster> the host name.
mail::Mailbox completed(mail::Mailbox address, const OwnNames& names);
/// The route of a recipient. This host's postmaster is relayed by its name if no webhook owns it.
Route route_of(const Directory& directory, const mail::Mailbox& address, const OwnNames& names);

}  // namespace postern::policy
